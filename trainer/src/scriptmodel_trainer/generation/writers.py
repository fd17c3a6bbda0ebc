"""The writer that fits a model: speeches and directions, or text byte for byte."""

from __future__ import annotations

from scriptmodel_trainer.generation.caches import CacheSettings
from scriptmodel_trainer.generation.exact_writer import ExactWriter
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.vocabulary import Vocabulary


def writer_of(network: Network, vocabulary: Vocabulary, cache: CacheSettings | None = None) -> Writer | ExactWriter:
    """Return a writer for a network with that vocabulary."""
    return (ExactWriter if vocabulary.exact else Writer)(network, vocabulary, cache)
