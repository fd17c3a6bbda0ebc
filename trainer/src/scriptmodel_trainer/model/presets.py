"""Named sets of hyperparameters: those published in 2014 (exact) and our own, and their overrides.

Source of test, small, medium and large: Zaremba, Sutskever, Vinyals, "Recurrent Neural Network Regularization"
(arXiv:1409.2329) as TensorFlow's Penn Treebank tutorial implemented it.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_trainer.errors import BadInputError

LSTM_WEIGHTS = ("kernel", "recurrent", "bias")  # of each layer, as the model directory names them


def _limited(default: float, low: float, high: float) -> Any:
    return dataclasses.field(default=default, metadata={"limits": (low, high)})


def _one_of(*choices: str) -> Any:
    """Define a text with its choices; the first is the default."""
    return dataclasses.field(default=choices[0], metadata={"choices": choices})


@dataclass(frozen=True, slots=True)
class Preset:
    """Hyperparameters of the network and its training; `--set` takes those in KEYS."""

    layers: int = _limited(2, 1, 8)
    hidden_units: int = _limited(200, 1, 8192)
    embedding_units: int = _limited(0, 0, 8192)  # 0: as many as hidden_units
    steps: int = _limited(20, 1, 1000)
    batch_size: int = _limited(20, 1, 4096)
    epochs: int = _limited(13, 1, 10_000)
    full_rate_epochs: int = _limited(4, 0, 10_000)
    learning_rate: float = _limited(1.0, 1e-8, 1e6)
    learning_rate_decay: float = _limited(0.5, 1e-6, 1.0)
    dropout: float = _limited(0.0, 0.0, 0.95)  # of word vectors and of each layer's outputs
    word_dropout: float = _limited(0.0, 0.0, 0.95)  # of whole words of the vocabulary
    output_dropout: float = _limited(0.0, 0.0, 0.95)  # of what the softmax reads, after the projection
    initial_range: float = _limited(0.1, 1e-6, 10.0)
    clip_norm: float = _limited(5.0, 1e-6, 1e6)
    vocabulary_size: int = _limited(10_000, 16, 1_000_000)
    softmax_cutoff: int = _limited(0, 0, 1_000_000)  # words in the head of an adaptive softmax; 0: plain softmax
    tied_embeddings: bool = False
    variational_dropout: bool = False
    optimizer: str = _one_of("sgd", "adam")
    schedule: str = _one_of("step-decay", "one-cycle")
    warm_up: float = _limited(0.2, 0.0, 0.9)  # share of the steps that raise the rate
    precision: str = _one_of("float32", "bfloat16", "auto")  # of matrix products; weights and sums are float32
    patience: int = _limited(0, 0, 10_000)  # epochs without a better validation perplexity that end training; 0: never
    document_starts: bool = False  # a token before each file, at which the LSTM's state is cleared
    subword_discount: float = _limited(0.0, 0.0, 10.0)  # occurrences of each word that are read spelled
    cache_window: int = _limited(0, 0, 10_000)  # recent tokens in the neural cache that is trained; 0: no cache
    letter_ngrams: int = _limited(0, 0, 1_000_000)  # n-grams whose vectors words share during training; 0: none
    trigrams: bool = False  # mix the trained network with a Kneser-Ney trigram model of the training text

    @property
    def input_units(self) -> int:
        """Width of the word vectors."""
        return self.embedding_units or self.hidden_units

    @property
    def features(self) -> int:
        """Width of what the softmax reads."""
        return self.input_units if self.tied_embeddings else self.hidden_units

    @property
    def projected(self) -> bool:
        """True where tying needs a matrix between the LSTM's width and the word vectors' width."""
        return self.tied_embeddings and self.input_units != self.hidden_units

    def shapes(self, vocabulary: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each trainable weight by its name; `vocabulary` is in words.

        The networks in TensorFlow, in NumPy and in JavaScript have these weights, and a model directory holds them.
        """
        hidden, width = self.hidden_units, self.input_units
        shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary, width)}
        for layer in range(self.layers):
            shapes[f"lstm{layer}/kernel"] = (width if layer == 0 else hidden, 4 * hidden)
            shapes[f"lstm{layer}/recurrent"] = (hidden, 4 * hidden)
            shapes[f"lstm{layer}/bias"] = (4 * hidden,)
        if self.projected:
            shapes["projection"] = (hidden, width)
        if not self.tied_embeddings:
            shapes["output/kernel"] = (vocabulary, hidden)
        shapes["output/bias"] = (vocabulary,)
        if self.has_tail(vocabulary):
            shapes |= {"output/tail": (self.features,), "output/tail_bias": ()}
        if self.cache_window:
            shapes |= {"cache/gate": (self.features,), "cache/bias": (), "cache/sharpness": ()}
            shapes["cache/age"] = (self.cache_window,)
        return shapes

    def has_tail(self, vocabulary: int) -> bool:
        """Return whether the softmax over a vocabulary of that many words has a head and a tail."""
        return 0 < self.softmax_cutoff < vocabulary

    def parameter_count(self, vocabulary: int) -> int:
        return sum(map(math.prod, self.shapes(vocabulary).values()))


AUTO = "auto"
"""Chooses one of the presets by the corpus, see scriptmodel_trainer.training.auto."""

PRESETS: dict[str, Preset] = {
    "test": Preset(layers=1, hidden_units=2, steps=2, batch_size=10, epochs=1, full_rate_epochs=1, clip_norm=1.0),
    "small": Preset(),
    "medium": Preset(
        hidden_units=650,
        steps=35,
        epochs=39,
        full_rate_epochs=6,
        learning_rate_decay=0.8,
        dropout=0.5,
        initial_range=0.05,
    ),
    "large": Preset(
        hidden_units=1500,
        steps=35,
        epochs=55,
        full_rate_epochs=14,
        learning_rate_decay=1 / 1.15,
        dropout=0.65,
        initial_range=0.04,
        clip_norm=10.0,
    ),
    "demo": Preset(
        layers=1,
        hidden_units=192,
        embedding_units=96,
        steps=20,
        batch_size=64,
        epochs=3,
        learning_rate=0.015,
        dropout=0.0,
        initial_range=0.2,
        clip_norm=1.0,
        vocabulary_size=5_000,
        subword_discount=1.0,
        tied_embeddings=True,
        optimizer="adam",
        schedule="one-cycle",
    ),
    # Plain SGD, since Adam overfits the rare words of plays.
    "tuned": Preset(
        hidden_units=352,
        embedding_units=256,
        steps=35,
        batch_size=16,
        epochs=13,
        learning_rate=0.6,
        dropout=0.2,
        word_dropout=0.05,
        output_dropout=0.3,
        clip_norm=9.0,
        subword_discount=1.0,
        tied_embeddings=True,
        variational_dropout=True,
        schedule="one-cycle",
        precision="auto",  # bfloat16 where that is faster
    ),
}

_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_FIELDS = {field.name: field for field in dataclasses.fields(Preset)}
_KINDS: dict[str, type] = {name: type(field.default) for name, field in _FIELDS.items()}
KEYS = [
    *("layers", "hidden_units", "embedding_units", "batch_size", "epochs", "learning_rate", "dropout"),
    *("vocabulary_size", "patience"),
]
"""Fields that `--set` takes; a preset fixes the others, which only benchmarks vary (dev/bench/trainer/train.py)."""


def preset_named(name: str) -> Preset:
    """Return the preset of that name; BadInputError names the nearest one otherwise."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, (*PRESETS, AUTO), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise BadInputError(
        f"unknown preset {name!r}", f"{hint}presets are {', '.join((*PRESETS, AUTO))}", parameter="preset"
    )


def require_key(key: str) -> None:
    """Raise BadInputError for a name that `--set` does not take."""
    if key in KEYS:
        return
    if key in _FIELDS:
        hint = "leave it out, or choose another --preset"
        raise BadInputError(f"{key} is fixed by the preset and cannot be set", hint, parameter=key)
    near = difflib.get_close_matches(key, KEYS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise BadInputError(f"unknown setting {key!r}", f"{hint}settings are {', '.join(KEYS)}", parameter=key)


def with_overrides(preset: Preset, settings: Mapping[str, str]) -> Preset:
    """Return a copy of `preset` with the given fields replaced; values are text as typed on the command line.

    Raises BadInputError for a value of the wrong kind, or one outside its limits.
    """
    return dataclasses.replace(preset, **{key: _parse(key, text) for key, text in settings.items()})


def preset_from(parameters: Mapping[str, object]) -> Preset:
    """Return the preset that a model directory describes; keys of other versions are ignored.

    Raises ValueError for a value of the wrong kind, or one outside its limits.
    """
    texts = {
        key: value if isinstance(value, str) and _KINDS[key] is str else json.dumps(value)
        for key, value in parameters.items()
        if key in _FIELDS
    }
    try:
        return with_overrides(Preset(), texts)
    except BadInputError as error:
        raise ValueError(error.message) from error


def _parse(key: str, text: str) -> Any:
    """Return the value of a field that a text spells, a number in any form that JSON and Python write one."""
    kind = _KINDS[key]
    if kind is bool and text.lower() not in _FLAGS:
        raise BadInputError(f"{key}={text!r} is not true or false", parameter=key)
    if kind is bool:
        return _FLAGS[text.lower()]
    whole = "a whole number" if kind is int else "a number"
    try:
        value = text if kind is str else float(text)
    except ValueError:
        raise BadInputError(f"{key}={text!r} is not {whole}", parameter=key) from None
    choices, limits = (_FIELDS[key].metadata.get(name) for name in ("choices", "limits"))
    if choices and value not in choices:
        raise BadInputError(f"{key}={text!r} is not one of {', '.join(choices)}", parameter=key)
    if limits and not limits[0] <= value <= limits[1]:  # NaN is not either
        hint = f"it must lie between {limits[0]:g} and {limits[1]:g}"
        raise BadInputError(f"{key}={text} is out of range", hint, parameter=key)
    if kind is int and value != int(value):
        raise BadInputError(f"{key}={text!r} is not {whole}", parameter=key)
    return kind(value)
