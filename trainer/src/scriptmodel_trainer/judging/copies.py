"""Sentences that a text shares with a training text: known by hashes, in bounded memory and without their words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.plays import title_of_file
from scriptmodel_trainer.corpus.tokens import CLOSE_EXPOSITION, EDGES, ENDERS
from scriptmodel_trainer.errors import BadInputError, printable
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.judging.runs import MOST, Runs, Stored, hashes_of, run_hashes, spoken
from scriptmodel_trainer.storage.arrays import Ids

if TYPE_CHECKING:
    from scriptmodel_trainer.corpus.stream import TokenStream  # it loads all layouts

SHORTEST = 6
"""Words of a sentence that counts: shorter ones, as "What do you mean?", are anybody's."""
_BREAKS = (*ENDERS, *EDGES, CLOSE_EXPOSITION)


@dataclass(frozen=True, slots=True)
class Copies:
    """How many of a text's long sentences are copied, and the longest of those with the text it is from."""

    sentences: int
    copied: int
    longest: str = ""
    source: str = ""

    def __str__(self) -> str:
        count = f"{self.copied} of {self.sentences} sentences of {SHORTEST} words or more"
        longest = f'; the longest: "{self.longest}" ({self.source})' if self.longest else ""
        return printable(f"{count}{longest}")


@dataclass(frozen=True, slots=True)
class KnownSentences:
    """The long sentences of a training text, and for each the number of the text it is from."""

    runs: Runs
    texts: Stored
    names: tuple[str, ...]

    def copies(self, *scripts: Sequence[str]) -> Copies:
        """Return what some token sequences copy."""
        tokens = [*itertools.chain.from_iterable(scripts)]
        lexicon = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
        hashes, starts, ends, words = _sentences(np.array([lexicon[token] for token in tokens], np.int32), [*lexicon])
        places = self.runs.places(hashes)
        copied = np.flatnonzero(places >= 0)
        if not len(copied):
            return Copies(len(hashes), 0)
        longest = copied[np.argmax(words[copied])]
        text = detokenize(tokens[starts[longest] : ends[longest]]).strip()
        return Copies(len(hashes), len(copied), text, self.names[self.texts[places[longest]]])

    def with_those_of(self, base: KnownSentences) -> KnownSentences:
        """Return these sentences, and those of a base's training text too."""
        names = (*self.names, *(f"{name}, of the base" for name in base.names))
        texts = np.concatenate([self.texts, base.texts + np.uint32(len(self.names))])
        return _kept(np.concatenate([self.runs.hashes, base.runs.hashes]), texts, names)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the sentences as arrays by name, to be stored."""
        names = np.frombuffer("\n".join(self.names).encode(errors="replace"), np.uint8)
        return {"sentences": self.runs.hashes, "texts": self.texts, "names": names}


def known_sentences(corpus: TokenStream, base: KnownSentences | None = None) -> KnownSentences:
    """Return the long sentences of the text that training reads, and those of a base."""
    parts = np.split(corpus.splits["train"], corpus.starts["train"])
    hashes = [_sentences(part, corpus.lexicon)[0] for part in parts]
    texts = np.repeat(np.arange(len(parts), dtype=np.uint32), [*map(len, hashes)])
    own = _kept(np.concatenate(hashes), texts, tuple(map(title_of_file, corpus.files)))
    return own.with_those_of(base) if base else own


def stored_sentences(model: TrainedModel, folder: Path | None = None) -> KnownSentences | None:
    """Return the sentences of the training text of a model, loaded from a folder; None if it does not store them.

    Raises BadInputError if they are damaged.
    """
    if model.ngrams is None or "sentences" not in model.ngrams:  # as in a model of an older version
        return None
    try:
        return _from_arrays(model.ngrams)
    except ValueError as error:
        raise BadInputError(f"{folder or 'the model'} is damaged: {error}", "train the model again") from error


def _from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> KnownSentences:
    runs, texts, letters = (
        Runs.stored(arrays["sentences"]),
        *(arrays.get(name, np.zeros(0)) for name in ("texts", "names")),
    )
    names = tuple(letters.tobytes().decode(errors="replace").split("\n"))
    kinds = texts.dtype == np.uint32 and letters.dtype == np.uint8
    if not (kinds and texts.shape == runs.hashes.shape and texts.max(initial=0) < len(names)):
        raise ValueError("its sentences are not those of a training text")
    return KnownSentences(runs, texts, names)


def _kept(hashes: Stored, texts: Stored, names: tuple[str, ...]) -> KnownSentences:
    unique, firsts = np.unique(hashes, return_index=True)
    return KnownSentences(Runs(unique[:MOST]), texts[firsts[:MOST]].astype(np.uint32), names)


def _sentences(ids: Ids, lexicon: Sequence[str]) -> tuple[Stored, Ids, Ids, Ids]:
    """Return hash, start, end and number of words of each long sentence of a token stream."""
    kept = spoken(ids, lexicon)
    breaks = np.fromiter((token in _BREAKS for token in lexicon), np.bool_, len(lexicon))
    sentence, places = np.cumsum(breaks[ids])[kept], np.flatnonzero(kept).astype(np.int32)
    firsts = np.flatnonzero(np.diff(sentence, prepend=-1))
    words = np.diff(firsts, append=len(sentence))
    long = words >= SHORTEST
    hashes = run_hashes(hashes_of(lexicon)[ids[kept]], firsts, words)
    return hashes[long], places[firsts[long]], places[(firsts + words - 1)[long]] + 1, words[long].astype(np.int32)
