"""The writer that fits a model: speeches and directions, or text byte for byte."""

from __future__ import annotations

from collections.abc import Sequence

from scriptmodel_trainer.generation.caches import CacheSettings
from scriptmodel_trainer.generation.casting import Play
from scriptmodel_trainer.generation.contractions import Contractions
from scriptmodel_trainer.generation.exact_writer import ExactWriter
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.vocabulary import Vocabulary


def writer_of(
    network: Network,
    vocabulary: Vocabulary,
    cache: CacheSettings | None = None,
    plays: Sequence[Play] = (),
    contractions: Contractions | None = None,
) -> Writer | ExactWriter:
    """Return a writer for a network with that vocabulary, trained on a corpus with these plays and contractions."""
    if vocabulary.exact:
        return ExactWriter(network, vocabulary, cache)
    return Writer(network, vocabulary, cache, plays, contractions)
