"""A cache of constants for any network, in place of one that was trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Floats


@dataclass(frozen=True, slots=True)
class ConstantCache:
    """The cache of Grave, Joulin and Usunier (2017, arXiv:1612.04426), with the cosine in place of the product.

    The last `window` tokens are remembered with the features that preceded them. The next token is one of them with
    probability `share`, each weighted by exp(`sharpness` * cosine of its features and the present ones); else it is
    what the network predicts.
    """

    window: int = 500
    share: float = 0.1
    sharpness: float = 12.0

    def weights(self, features: Floats, cosines: Floats, ages: npt.NDArray[np.int64]) -> Floats:
        """Return the probability of copying each remembered token, which depends on the cosines only."""
        del features, ages
        weights: Floats = np.exp(np.float32(self.sharpness) * (cosines - 1))
        weights *= self.share / weights.sum()
        return weights
