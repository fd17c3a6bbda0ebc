"""Weights between those of a base and those that a short training made of them."""

from collections.abc import Callable, Mapping

from scriptmodel_trainer.storage.arrays import Floats

_SHARES = (0.25, 0.5, 0.75, 1.0)


def blended(
    base: Mapping[str, Floats], trained: Mapping[str, Floats], loss: Callable[[dict[str, Floats]], float]
) -> tuple[dict[str, Floats], float]:
    """Return the best mixture of two networks' weights by their loss, and its share of the trained ones.

    The base alone is among them, so a training that overfits does no harm. Source: Wortsman et al., "Robust fine-tuning
    of zero-shot models" (arXiv:2109.01903).
    """
    best, least, kept = dict(base), loss(dict(base)), 0.0
    for share in _SHARES:
        mixed = {name: (1 - share) * base[name] + share * weights for name, weights in trained.items()}
        if (found := loss(mixed)) < least:
            best, least, kept = mixed, found, share
    return best, kept
