"""Types of the arrays that all parts share."""

import numpy as np
import numpy.typing as npt

SMALLEST = 1e-37
"""Lower bound of a probability; -ln of it is 85."""

Ids = npt.NDArray[np.int32]  # token numbers
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.int8]  # 0 or 1 for each token


def as_bfloat16(numbers: Floats) -> npt.NDArray[np.uint16]:
    """Return the bits of numbers in bfloat16, rounded to the nearest one; they must be finite."""
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    rounded: npt.NDArray[np.uint16] = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return rounded.reshape(numbers.shape)


def from_bfloat16(bits: npt.NDArray[np.uint16]) -> Floats:
    """Return the numbers that have these bits in bfloat16."""
    numbers: Floats = (np.ascontiguousarray(bits).astype(np.uint32) << 16).view(np.float32)
    return numbers.reshape(bits.shape)
