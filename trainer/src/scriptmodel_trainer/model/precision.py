"""Matrix products in the precision that a preset asks for. All else stays float32: weights, sums, optimizer.

bfloat16 has float32's range and 8 bits of precision, so nothing needs scaling; a product adds up in float32 and
rounds its operands and its result, each by at most 1 part in 256. It pays where the processor multiplies bfloat16
fast (AMX, tensor cores, AVX512_BF16 of AMD); elsewhere it is slower, with the same result.
"""

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.hardware import bfloat16_is_faster

FLOAT32 = "float32"


def product(
    left: Any, right: Any, precision: str, *, transpose_left: bool = False, transpose_right: bool = False
) -> Any:
    """left (M, K) @ right (K, N), either transposed first on demand; float32 in and out."""
    result = tf.matmul(
        tf.cast(left, precision), tf.cast(right, precision), transpose_a=transpose_left, transpose_b=transpose_right
    )
    return tf.cast(result, tf.float32)


def softmax(logits: Any) -> Any:
    """Return probabilities of the last axis, in the precision of the logits, computed in float32.

    Where bfloat16 is faster TensorFlow's operation does the same in one pass; where it is emulated that adds up in
    bfloat16.
    """
    if logits.dtype == tf.float32 or bfloat16_is_faster():
        return tf.nn.softmax(logits)
    return tf.cast(tf.nn.softmax(tf.cast(logits, tf.float32)), logits.dtype)
