"""An LSTM layer read over one window on a CPU: Keras' arithmetic, ordered so that few products are needed.

Keras' own loop multiplies inputs, state and weight gradients anew at each time step. Only the product of the state
has to wait for the step before it, so here the input's, and in the backward pass the gradients' of inputs and weights,
are done once for all steps of a window (Appleyard et al., "Optimizing Performance of Recurrent Neural Networks on
GPUs", arXiv:1604.01946, section 3). The loop over steps is written out in the graph. With z = x W + h R + b in Keras'
order of gates i, f, c, o, and delta standing for the gradient of z:

    dx = delta W'    dW = x' delta    dR = h' delta    db = sum delta
"""

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.precision import product

MOST_STEPS = 128  # a longer window would be too large a graph when written out


def read_window(
    inputs: Any, output: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any, precision: str, kept: Any = None
) -> tuple[Any, Any, Any]:
    """Return outputs (B, T, H) of a layer, and output and cell (B, H) after the last step.

    inputs (B, T, E) with T known, output and cell (B, H) before the first step, kernel (E, 4H), recurrent (H, 4H),
    bias (4H,). Gradients reach each of these. `kept` (B, T) is 0 where a step starts from zeros instead of the state
    before it, else 1.
    """
    masks = [None] * inputs.shape[1] if kept is None else tf.unstack(kept[..., tf.newaxis], axis=1)
    steps, width, units = inputs.shape[1], inputs.shape[2], recurrent.shape[0]

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def layer(inputs: Any, output: Any, cell: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
        flat = tf.cast(tf.reshape(inputs, (-1, width)), precision)
        kernel, recurrent = tf.cast(kernel, precision), tf.cast(recurrent, precision)
        projected = tf.reshape(product(flat, kernel, precision) + bias, (-1, steps, 4 * units))
        outputs, before, cells, gates = [], [], [], []
        for step, mask in zip(tf.unstack(projected, axis=1), masks, strict=True):
            before.append(_masked(output, mask))
            cells.append(_masked(cell, mask))
            input_gate, forget_gate, candidate, output_gate = _gates(product(before[-1], recurrent, precision) + step)
            cell = forget_gate * cells[-1] + input_gate * candidate
            cell_tanh = tf.tanh(cell)
            gates.append((input_gate, forget_gate, candidate, output_gate, cell_tanh))
            output = output_gate * cell_tanh
            outputs.append(output)

        def gradient(to_outputs: Any, to_output: Any, to_cell: Any) -> tuple[Any, ...]:
            deltas = []
            for step, upstream in reversed(list(enumerate(tf.unstack(to_outputs, axis=1)))):
                delta, to_cell = _backward(upstream + to_output, to_cell, cells[step], *gates[step])
                to_output = _masked(product(delta, recurrent, precision, transpose_right=True), masks[step])
                to_cell = _masked(to_cell, masks[step])
                deltas.append(delta)
            delta = tf.reshape(tf.stack(deltas[::-1], axis=1), (-1, 4 * units))
            states = tf.reshape(tf.stack(before, axis=1), (-1, units))
            rounded = tf.cast(delta, precision)
            to_inputs = tf.reshape(product(rounded, kernel, precision, transpose_right=True), (-1, steps, width))
            to_kernel = product(flat, rounded, precision, transpose_left=True)
            to_recurrent = product(states, rounded, precision, transpose_left=True)
            return to_inputs, to_output, to_cell, to_kernel, to_recurrent, tf.reduce_sum(delta, axis=0)

        return (tf.stack(outputs, axis=1), output, cell), gradient

    result: tuple[Any, Any, Any] = layer(inputs, output, cell, kernel, recurrent, bias)
    return result


def _masked(state: Any, mask: Any) -> Any:
    """Return a state (B, H), zero where the mask (B, 1) is."""
    return state if mask is None else state * mask


def _gates(sums: Any) -> tuple[Any, Any, Any, Any]:
    """(B, 4H) to input gate, forget gate, candidate and output gate, (B, H) each."""
    input_gate, forget_gate, candidate, output_gate = tf.split(sums, 4, axis=1)
    return tf.sigmoid(input_gate), tf.sigmoid(forget_gate), tf.tanh(candidate), tf.sigmoid(output_gate)


def _backward(
    to_output: Any,
    to_cell: Any,
    cell: Any,
    input_gate: Any,
    forget_gate: Any,
    candidate: Any,
    output_gate: Any,
    cell_tanh: Any,
) -> tuple[Any, Any]:
    """Return gradients of a step's sums (B, 4H) and of the cell before it, from those of its output and its cell."""
    to_cell += tf.raw_ops.TanhGrad(y=cell_tanh, dy=to_output * output_gate)
    parts = [
        tf.raw_ops.SigmoidGrad(y=input_gate, dy=to_cell * candidate),
        tf.raw_ops.SigmoidGrad(y=forget_gate, dy=to_cell * cell),
        tf.raw_ops.TanhGrad(y=candidate, dy=to_cell * input_gate),
        tf.raw_ops.SigmoidGrad(y=output_gate, dy=to_output * cell_tanh),
    ]
    return tf.concat(parts, axis=1), to_cell * forget_gate
