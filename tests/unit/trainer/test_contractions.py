"""A script contracts only words that the corpus contracts."""

from __future__ import annotations

import itertools

import numpy as np
from random_models import weights_of

from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.generation.contractions import contractions_of
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.vocabulary import Vocabulary

SENTENCES = """
I do n't know <eos> It 's late <eos> I could n't stay , couldn 't I <question>
Anna 'll wait <eos> couldn 't Ben 's lamp do <question>
"""
TEXT = SENTENCES.split()


def test_the_corpus_says_what_is_contracted() -> None:
    lexicon = list(dict.fromkeys(TEXT))
    train = np.array([lexicon.index(word) for word in TEXT], np.int32)
    found = contractions_of(train, lexicon, frozenset(lexicon) - {"Anna"})
    assert {mark: set(words) for mark, words in found.after.items()} == {
        "n't": {"do", "could"},
        "'s": {"It", "Ben"},
        "'t": {"couldn"},
    }
    assert found.bound == ("couldn",)  # "do" also occurs alone, and what occurs once may be chance


def test_no_script_has_a_contraction_that_the_corpus_does_not_have() -> None:
    lexicon = list(dict.fromkeys(TEXT))
    train = np.array([lexicon.index(word) for word in TEXT], np.int32)
    vocabulary = Vocabulary((*dict.fromkeys((*TEXT, *sorted(tokens.MARKERS), "<unk>")),))
    contractions = contractions_of(train, lexicon, frozenset(vocabulary.words))
    seen = set(itertools.pairwise(TEXT))
    clitics = set(contractions.after)
    for seed in range(40):
        writer = Writer(Network(weights_of(vocabulary, seed, 0.5)), vocabulary, contractions=contractions)
        script = writer.write(80, Sampling(1.5), (seed,), Opening()).tokens
        pairs = list(itertools.pairwise(script))
        assert {pair for pair in pairs if pair[1] in clitics} <= seen
        assert all(after in clitics for before, after in pairs if before == "couldn")
