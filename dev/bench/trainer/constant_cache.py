"""Measures a model without a cache as it is, and with a cache of constants, as figures of papers have it.

    python -m dev.bench.trainer.constant_cache MODEL_DIR TEXT...

The cache is that of Grave, Joulin and Usunier (2017, arXiv:1612.04426), with the cosine in place of the product.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.commands.evaluate import read_text, score
from scriptmodel_trainer.progress.listeners import progress_for
from scriptmodel_trainer.storage.arrays import Floats


@dataclass(frozen=True, slots=True)
class ConstantCache:
    """A cache for any trained network.

    The last `window` tokens are remembered with the features that preceded them. The next token is one of them with
    probability `share`, each weighted by exp(`sharpness` * cosine of its features and the present ones); else it is
    what the network predicts. The cosine makes one sharpness fit networks of every size.
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


def perplexities(folder: Path, texts: list[Path], layout: str = "auto") -> tuple[float, float]:
    """Return the perplexity of a model on texts without a cache, and with one."""
    model, progress = load_model(folder), progress_for("text")
    network, text = model.network(), read_text(model, texts, layout, progress)
    assert network.cache is None, "the model was trained with a cache, which all figures include"
    alone = score(model.vocabulary, network, text, progress).perplexity
    network.cache = ConstantCache()
    return alone, score(model.vocabulary, network, text, progress).perplexity


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT")
    parser.add_argument("--layout", default="auto")
    options = parser.parse_args()
    print("perplexity {:.3f}, with a cache {:.3f}".format(*perplexities(options.model, options.texts, options.layout)))
