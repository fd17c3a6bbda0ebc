"""The samples of a script in Pachyderm, in parts: each line is one, and what continues a scene is set as that is."""

import re
from dataclasses import dataclass

from scriptmodel_cli.scripts import TEXT, samples_of
from scriptmodel_cli.ui.model import Place
from scriptmodel_cli.web.scripts import Part, speech
from scriptmodel_operator.desired.command_lines import GENERATION_PATH
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.observe.trainer_files import GenerationFile, SampleFigures

_MAX_BYTES = 8 << 20
_NAME = r"(?!(?:INT|EXT|ACT|SCENE)\b)([A-Z][A-Z0-9 .'’&-]{0,40}?)"
_SPEECH = re.compile(
    rf"\[ ([^\[\]]+) \]:(?: (.*))?|{_NAME}(?<!\bMR)(?<!\bMRS)(?<!\bDR)(?<!\bST)[.:] +(.*)"  # `MRS. PELL. No.`
)
_ALONE = re.compile(rf"^{_NAME}\n(?=\S)", re.MULTILINE)
_HEADING = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]|(?:ACT|SCENE) [IVXLC\d]+\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    number: int
    parts: list[Part]
    forms: dict[str, str]
    figures: SampleFigures


def parts_of(text: str) -> list[Part]:
    """Return the parts of a script as the trainer writes it, or with names in capitals before or above their words."""
    return [_part(line) for line in _ALONE.sub(r"\1: ", text).split("\n") if line.strip()]


def _part(line: str) -> Part:
    if found := _SPEECH.fullmatch(line.strip()):
        return speech(found[2] or found[4] or "", found[1] or found[3])
    if line[0].isspace():
        return speech(line, "")
    words = line.strip().removeprefix("{{").removesuffix("}}").strip("()[] ")
    return Part("heading" if _HEADING.match(words) else "direction", words)


def read_parts(gateway: Gateway, place: Place, path: str) -> list[Part]:
    return parts_of(gateway.read_file(place.repo, place.commit, path, _MAX_BYTES).decode(errors="replace"))


def read_samples(gateway: Gateway, place: Place, chosen: str) -> tuple[list[int], list[Sample]]:
    """Return the numbers of a commit's samples, and the chosen one; 0 chooses all."""
    known = samples_of(gateway, place.repo, place.commit)
    try:
        record = gateway.read_file(place.repo, place.commit, GENERATION_PATH, _MAX_BYTES)
        figures = dict(enumerate(GenerationFile.model_validate_json(record).samples, 1))
    except (NotFoundError, ValueError):  # an older trainer, or another image
        figures = {}
    samples = [
        Sample(
            number,
            read_parts(gateway, place, paths[TEXT]),
            {suffix[1:]: f"{place.path}/file?path={path}" for suffix, path in paths.items()},
            figures.get(number, SampleFigures()),
        )
        for number, paths in known.items()
        if TEXT in paths and chosen in ("0", str(number))
    ]
    return list(known), samples
