"""Networks of random weights, the worst case for the grammar, and what is wrong with the scripts that they write."""

import re
from collections.abc import Sequence

import numpy as np

from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.model.cache import Cache
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.subwords import LETTERS, continues
from scriptmodel_trainer.model.vocabulary import Vocabulary, with_names
from scriptmodel_trainer.storage.arrays import Floats


def spelling(words: Sequence[str], *names: str) -> Vocabulary:
    """Return the vocabulary of some words, which spells all others by letters."""
    known = (*words, *(letter for letter in LETTERS if letter not in words))
    parts = (number for number in range(len(words), len(known)) if not continues(known[number]))
    return with_names(known, names, frozenset(parts))


WORDS = ["the", "lamp", "waits", "ANNA", "BEN", "'s", "'tis", ",", ";", ":", "--", *sorted(tokens.MARKERS)]
SCRIPT = spelling(WORDS, "ANNA", "BEN")
PLAIN = spelling(("the", "lamp", "waits", "n't", "<eos>"))


def network(vocabulary: Vocabulary, seed: int, scale: float = 3.0) -> Network:
    """Return a network of random weights."""
    return Network(weights_of(vocabulary, seed, scale))


def even_cache(window: int, bias: float = 0.0, share: float = 1.0) -> Cache:
    """Return a cache for such a network that likes all ages alike."""
    parts = (np.zeros(8), bias, 5.0), np.zeros(window)
    return Cache(*map(np.float32, (*parts[0], parts[1], share)))


def weights_of(vocabulary: Vocabulary, seed: int, scale: float = 3.0) -> dict[str, Floats]:
    """Random weights of a small network."""
    random = np.random.default_rng(seed)
    shapes = {
        "embedding": (len(vocabulary), 6),
        "lstm0/kernel": (6, 32),
        "lstm0/recurrent": (8, 32),
        "lstm0/bias": (32,),
        "output/kernel": (len(vocabulary), 8),
        "output/bias": (len(vocabulary),),
    }
    return {name: random.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


def faults(text: str, words: int) -> list[str]:
    """Return the errors of a rendered script, found without the grammar."""
    found = []
    for line in text.splitlines():
        speech = re.fullmatch(r"\[ (ANNA|BEN) \]: (.+)", line)
        exposition = re.fullmatch(r"\{\{ (.+) \}\}", line)
        body = speech[2] if speech else exposition[1] if exposition else None
        if body is None:
            found.append(f"neither speech nor exposition: {line}")
            continue
        if body.count("[") != body.count("]") or body.count('"') % 2:
            found.append(f"unbalanced: {line}")
        if "[]" in body or '""' in body or re.search(r"[\[{][^\]]*[{}]", body):
            found.append(f"empty or crossing: {line}")
    if "<" in text:
        found.append("a marker or <unk> is shown")
    if not re.search(r'[.?!]["\]]*( \}\})?\n$', text):
        found.append(f"no sentence end: {text[-40:]!r}")
    if count_pieces(text) > words:
        found.append(f"{count_pieces(text)} words")
    return found
