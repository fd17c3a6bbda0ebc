"""The LSTM language model in Keras: word vectors, LSTM layers, softmax over the vocabulary.

Dropout stands outside the LSTM layers (Zaremba et al. 2014), so that on a GPU Keras takes cuDNN's kernel, which
also needs tanh/sigmoid, a bias, and neither recurrent dropout nor unrolling. On a processor the layers' weights go
through `lstm` instead, which is Keras' arithmetic in a faster order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.cache import cache_of, empty, mixed, recall
from scriptmodel_trainer.model.dropout import Dropout
from scriptmodel_trainer.model.kernels import FLOAT32, CarriedProduct, cross_entropies, product
from scriptmodel_trainer.model.letter_ngrams import LetterNgrams
from scriptmodel_trainer.model.lstm import halves, read_steps
from scriptmodel_trainer.model.presets import LSTM_WEIGHTS, Preset
from scriptmodel_trainer.storage.arrays import Floats

_NGRAMS = "ngrams"
MOST_STEPS = 128  # a longer window would be too large a graph when written out
_CACHE = {"cache/sharpness": 12.0, "cache/bias": 8.0}  # initial values; the others are zero


class LanguageModel:
    """Weights and forward pass. Shapes: B rows, T time steps, E word-vector width, H hidden units, V vocabulary.
    The softmax reads features of the width D: E if word vectors are tied, else H.

    The token `document`, if there is one, is read with a state of zeros: nothing before it matters. With
    `letter_ngrams` word vectors are sums of a word's own and those of its n-grams.
    """

    def __init__(
        self,
        preset: Preset,
        vocabulary: int,
        seed: int,
        document: int | None = None,
        letter_ngrams: LetterNgrams | None = None,
    ) -> None:
        self.preset = preset
        self.letter_ngrams = letter_ngrams
        self.document = document
        self.layers = [_lstm(index, preset) for index in range(preset.layers)]
        built: dict[str, Any] = {}
        for index, layer in enumerate(self.layers):
            layer.build((None, None, preset.hidden_units if index else preset.input_units))
            for name, variable in zip(LSTM_WEIGHTS, layer.trainable_variables, strict=True):
                built[f"lstm{index}/{name}"] = variable.value
        self.variables: dict[str, Any] = {
            name: built[name] if name in built else tf.Variable(tf.zeros(shape), name=name)
            for name, shape in preset.shapes(vocabulary).items()
        }
        """Trainable variables by the names that they have in the model directory, and `ngrams`, which it has not."""
        if letter_ngrams:
            self.variables[_NGRAMS] = tf.Variable(tf.zeros((letter_ngrams.ngrams, preset.input_units)), name=_NGRAMS)
        self.cache = cache_of(self.variables)
        self._on_gpu = bool(hardware.gpus())
        self._initialise(seed)

    @property
    def vectors(self) -> Any:
        """The word vectors (V, E)."""
        embedding = self.variables["embedding"]
        if self.letter_ngrams is None:
            return embedding
        return embedding + vectors_of_words(self.letter_ngrams, self.variables[_NGRAMS])

    def weights(self) -> dict[str, Floats]:
        """Return copies of the weights of a model directory on the host; word vectors are whole."""
        weights = {name: variable.numpy() for name, variable in self.variables.items() if name != _NGRAMS}
        return {**weights, "embedding": self.vectors.numpy()}

    def set_weights(self, weights: Mapping[str, Floats]) -> None:
        """Replace all weights by those of a model directory; the vectors of n-grams become zero."""
        for name, variable in self.variables.items():
            variable.assign(tf.zeros(variable.shape) if name == _NGRAMS else weights[name])

    def zero_state(self, rows: int) -> list[list[Any]]:
        """Return outputs and cells of each layer, (B, H) zeros, and an empty cache if the network has one."""
        shape = (rows, self.preset.hidden_units)
        layers = [[tf.zeros(shape), tf.zeros(shape)] for _ in self.layers]
        if not self.cache:
            return layers
        return [*layers, empty(tf.experimental.numpy, rows, self.preset.cache_window, self.preset.features)]

    def features(
        self,
        inputs: Any,
        state: Sequence[Sequence[Any]],
        dropout: Dropout | None = None,
        precision: str = FLOAT32,
        vectors: Any = None,
    ) -> tuple[Any, list[list[Any]]]:
        """Token numbers (B, T) to features (B, T, D), and the layers' state after them.

        `precision` is that of the matrix products on a processor; a GPU's LSTM stays in float32. `vectors` are the word
        vectors, if the caller has computed them.
        """
        sequence = tf.gather(self.vectors if vectors is None else vectors, inputs)
        if dropout:
            sequence = dropout.of_units(dropout.of_words(sequence, inputs, self.variables["embedding"].shape[0]), 0)
        kept = None if self.document is None else tf.cast(tf.not_equal(inputs, self.document), tf.float32)
        after: list[list[Any]] = []
        for index in range(len(self.layers)):
            sequence, output, cell = self._read(index, sequence, state[index], precision, kept)
            after.append([output, cell])
            if dropout:
                sequence = dropout.of_units(sequence, index + 1)
        if self.preset.projected:
            sequence = tf.tensordot(sequence, self.variables["projection"], 1)
        return sequence, after

    def _read(self, index: int, sequence: Any, state: Sequence[Any], precision: str, kept: Any) -> Any:
        layer, steps = self.layers[index], sequence.shape[1]

        def whole() -> Any:
            return tuple(layer(sequence, initial_state=list(state)))

        def written_out() -> Any:
            kernel, recurrent, bias = (variable.value for variable in layer.trainable_variables)
            return read_window(sequence, state[0], state[1], kernel, recurrent, bias, precision, kept)

        if not (self._on_gpu or steps is None or steps > MOST_STEPS):
            return written_out()
        return whole() if kept is None else tf.cond(tf.reduce_all(kept > 0), whole, written_out)

    def read_and_score(
        self,
        inputs: Any,
        targets: Any,
        state: Sequence[Sequence[Any]],
        vectors: Any,
        dropout: Dropout | None = None,
        precision: str = FLOAT32,
    ) -> tuple[Any, list[list[Any]]]:
        """Return the losses (B * T,) of a window in nats, its cache included, and the state after it.

        Token numbers and targets are (B, T); the other arguments are those of `features`.
        """
        features, after = self.features(inputs, state, dropout, precision, vectors)
        read = dropout.of_output(features) if dropout else features
        losses = self.losses(tf.reshape(read, (-1, features.shape[-1])), tf.reshape(targets, (-1,)), vectors, precision)
        if not self.cache:
            return losses, after
        xp = tf.experimental.numpy
        network, copied, held = recall(xp, self.cache, features, inputs, targets, state[-1], self.document)
        losses = mixed(xp, tf.exp(-losses), tf.reshape(network, (-1,)), tf.reshape(copied, (-1,)))
        return losses, [*after, held]

    def losses(self, features: Any, targets: Any, vectors: Any, precision: str = FLOAT32) -> Any:
        """Return the losses (N,) of `targets` (N,) in nats, of the network without its cache.

        features (N, D); `vectors` are the word vectors (V, E), and `precision` is that of the matrix products.
        """
        kernel, bias = self.variables.get("output/kernel", vectors), self.variables["output/bias"]
        if "output/tail" in self.variables:
            tail, tail_bias = self.variables["output/tail"], self.variables["output/tail_bias"]
            head = self.preset.softmax_cutoff
            return _adaptive_cross_entropies(features, kernel, bias, tail, tail_bias, targets, head, precision)
        return cross_entropies(features, kernel, bias, targets, precision)

    def _initialise(self, seed: int) -> None:
        """Uniform in +-initial_range; zero for LSTM biases, n-grams, and the output bias of tied embeddings."""
        random = np.random.default_rng(seed)
        limit, untied = self.preset.initial_range, not self.preset.tied_embeddings
        for name, variable in self.variables.items():
            if name.startswith("cache/"):
                variable.assign(tf.fill(variable.shape, _CACHE.get(name, 0.0)))
            elif name != _NGRAMS and (not name.endswith("bias") or (name == "output/bias" and untied)):
                variable.assign(random.uniform(-limit, limit, variable.shape).astype(np.float32))


def _lstm(index: int, preset: Preset) -> keras.layers.LSTM:
    return keras.layers.LSTM(
        preset.hidden_units,
        return_sequences=True,
        return_state=True,
        unit_forget_bias=False,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        name=f"lstm{index}",
    )


def read_window(
    inputs: Any, output: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any, precision: str, kept: Any = None
) -> tuple[Any, Any, Any]:
    """Return outputs (B, T, H) of an LSTM layer, and output and cell (B, H) after the last step.

    inputs (B, T, E) with T known, output and cell (B, H) before the first step, kernel (E, 4H), recurrent (H, 4H),
    bias (4H,). `kept` (B, T) is 0 where a step starts from zeros instead of the state before it, else 1.
    """
    steps, scale = inputs.shape[1], halves(recurrent.shape[0])
    carried = CarriedProduct(recurrent * scale, precision)
    sums = product(tf.reshape(inputs, (-1, inputs.shape[2])), kernel * scale, precision) + bias * scale
    sums = carried.added_to(tf.reshape(sums, (-1, steps, len(scale))))
    masks = [None] * steps if kept is None else tf.unstack(kept[..., tf.newaxis], axis=1)
    pairs = zip(tf.unstack(sums, axis=1), masks, strict=True)
    outputs, output, cell = read_steps(tf, pairs, carried, output, cell, scale)
    return tf.stack(outputs, axis=1), output, cell


def _adaptive_cross_entropies(
    features: Any, kernel: Any, bias: Any, tail: Any, tail_bias: Any, targets: Any, cutoff: int, precision: str
) -> Any:
    """Return -ln p(target) of each row in nats under an adaptive softmax, (N,): of two softmaxes, one of them of few.

    The first one is over the first `cutoff` words and the tail, which has the weights `tail` (D,) and `tail_bias`; the
    second one, over the other words, is computed for the rows with such targets alone (Grave et al., arXiv:1609.04309,
    without its smaller projections):

        p(w) = p_head(w)    p(w) = p_head(tail) p_tail(w)  of a rare word
    """
    frequent, rare = tf.split(kernel, [cutoff, kernel.shape[0] - cutoff])
    frequent_bias, rare_bias = tf.split(bias, [cutoff, bias.shape[0] - cutoff])
    head = tf.concat([frequent, tail[tf.newaxis]], axis=0)
    head_bias = tf.concat([frequent_bias, tail_bias[tf.newaxis]], axis=0)
    losses = cross_entropies(features, head, head_bias, tf.minimum(targets, cutoff), precision)
    rows = tf.where(targets >= cutoff)[:, 0]
    others = tf.gather(targets, rows) - cutoff
    added = cross_entropies(tf.gather(features, rows), rare, rare_bias, others, precision)
    return tf.tensor_scatter_nd_add(losses, rows[:, tf.newaxis], added)


def vectors_of_words(letter_ngrams: LetterNgrams, ngrams: Any) -> Any:
    """Return the weighted sums (V, E) of the vectors (N, E) of each word's n-grams.

    Compressed sparse rows are five times as fast as `tf.sparse` and add in a fixed order. The product runs on the CPU,
    since a GPU does not add in a fixed order.
    """
    forward = letter_ngrams.places, letter_ngrams.shares, (letter_ngrams.words, letter_ngrams.ngrams)
    order = np.lexsort(letter_ngrams.places.T)
    backward = (
        letter_ngrams.places[order][:, ::-1],
        letter_ngrams.shares[order],
        (letter_ngrams.ngrams, letter_ngrams.words),
    )

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def vectors(ngrams: Any) -> Any:
        return _product(*forward, ngrams), lambda upstream: _product(*backward, upstream)

    return vectors(ngrams)


def _product(places: npt.NDArray[np.int64], shares: Floats, shape: tuple[int, int], vectors: Any) -> Any:
    with tf.device("/CPU:0"):
        matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=places, values=shares, dense_shape=shape)
        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=vectors)
