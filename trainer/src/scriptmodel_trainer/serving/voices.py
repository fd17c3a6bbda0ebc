"""Whose voice the speeches of a draft have: the command `voice` for the page, by the plays stored beside a model."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.speeches import stored_speeches
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.voices.report import Report, VoiceCheck
from scriptmodel_trainer.voices.speeches import read_draft


class VoicePage:
    """Reports on drafts by the plays of one folder, which are read once; drafts take turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._check: VoiceCheck | None = None
        self._working = asyncio.Lock()

    async def report(self, content: bytes, suffix: str) -> Report:
        """Return what is found of a draft, the content of a file with that suffix."""
        async with self._working:
            return await asyncio.to_thread(self._report, content, suffix)

    def _report(self, content: bytes, suffix: str) -> Report:
        stored = None if self._check else stored_speeches(self._folder)
        check = self._check = self._check or VoiceCheck(stored.speeches if stored else ())
        if not check.names:
            raise BadInputError("the plays are not stored beside this model", "`scriptmodel write PLAYS` stores them")
        with TemporaryDirectory() as folder:
            path = Path(folder, f"draft{suffix}")
            path.write_bytes(content)
            try:
                sources = reading.find_sources([path], lambda _: None)
            except BadInputError as error:
                raise BadInputError(error.message.replace(f"{folder}/", ""), error.hint) from error
            drafts = (read_draft(source, None, lambda each: each.casefold() in check.names) for source in sources)
            return check.report([each for draft in drafts for each in draft], "the draft")
