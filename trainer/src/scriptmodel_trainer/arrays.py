"""Types of the arrays that all parts share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SMALLEST = 1e-37
"""Lower bound of a probability; -ln of it is 85."""

Ids = npt.NDArray[np.int32]  # token numbers
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.int8]  # 0 or 1 for each token
