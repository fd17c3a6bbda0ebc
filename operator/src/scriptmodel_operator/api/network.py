"""`spec.model`: the network and its hyperparameters."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, Seed, decimal


class Preset(StrEnum):
    """A named set of hyperparameters."""

    TEST = "test"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    DEMO = "demo"
    TUNED = "tuned"
    TUNED_LONG = "tuned-long"
    TUNED_FEW = "tuned-few"


class Overrides(ApiModel):
    """Single hyperparameters that differ from the preset; each is optional."""

    layers: Annotated[int, Field(ge=1, le=8)] | None = None
    """LSTM layers."""
    hidden_units: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Units of a layer."""
    embedding_units: Annotated[int, Field(ge=0, le=8192)] | None = None
    """Width of the word vectors; 0 for as many as hiddenUnits."""
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Words that gradients flow back through."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Streams that are learned from side by side."""
    epochs: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Times that the whole corpus is read."""
    full_rate_epochs: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Epochs before the learning rate begins to fall."""
    learning_rate: Annotated[str, decimal(above=0), AS_DECIMAL] | None = None
    """Learning rate at the start."""
    learning_rate_decay: Annotated[str, decimal(above=0, at_most=1), AS_DECIMAL] | None = None
    """Factor of the learning rate from one epoch to the next."""
    dropout: Annotated[str, decimal(at_most=0.95), AS_DECIMAL] | None = None
    """Share of connections left out in training, from 0 to below 1."""
    clip_norm: Annotated[str, decimal(above=0), AS_DECIMAL] | None = None
    """Largest norm of the gradient."""
    vocabulary_size: Annotated[int, Field(ge=16, le=1000000)] | None = None
    """Words known to the model; the rest is one unknown word."""


class Model(ApiModel):
    """The network to be trained."""

    preset: Preset = Preset.SMALL
    """test to large as published; demo for a first look; tuned betters small at its size, tuned-long in 40 epochs,
    tuned-few where there are only a few plays."""
    overrides: Overrides = Field(default_factory=Overrides)
    """Hyperparameters that differ from the preset."""
    seed: Seed = 0
    """Seed of all random numbers; the same seed, corpus and image give the same model on the same machine."""
