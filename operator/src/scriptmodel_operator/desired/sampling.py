"""Draws the values of the trials of a search. Pure: the same spec has the same trials everywhere."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from decimal import Decimal

from scriptmodel_operator.api.search import WHOLE, Parameter, Search

_MOST_DRAWS = 100
"""Draws of a trial after which a combination may be there twice."""

Values = Mapping[str, str]
"""Values by the names that the spec has for them."""


def trials(search: Search) -> list[Values]:
    """Return the values of each trial, the first of which has number 1. More trials leave those before as they are."""
    if search.algorithm == "grid":
        listed = [(each.name, each.categorical.values) for each in search.parameters if each.categorical]
        choices = ([(name, value) for value in values] for name, values in listed)
        return [dict(values) for values in itertools.islice(itertools.product(*choices), search.trials)]

    def values_of(key: str) -> Values:
        return {each.name: _drawn(each, key) for each in search.parameters}

    drawn: list[Values] = []
    for number in range(1, search.trials + 1):
        draws = (values_of(f"{number}.{again}" if again else f"{number}") for again in range(_MOST_DRAWS))
        drawn.append(next((values for values in draws if values not in drawn), values_of(f"{number}")))
    return drawn


def _drawn(parameter: Parameter, key: str) -> str:
    """Return a value that looks random and is the same everywhere: one of few digits, or whole."""
    seed = f"0/{parameter.name}/{key}".encode()
    share = int.from_bytes(hashlib.sha256(seed).digest()[:6], "big") / 2**48  # of the way through the range
    bounds, whole = parameter.uniform or parameter.log_uniform, parameter.name in WHOLE
    if bounds is None:
        values = parameter.categorical.values if parameter.categorical else [""]
        return values[int(share * len(values))]
    least, most = float(bounds.min), float(bounds.max) + whole  # each whole number has an interval of its own
    found = least + share * (most - least) if parameter.uniform else least * (most / least) ** share
    number = Decimal(int(found)) if whole else Decimal(f"{found:.4g}")
    return format(min(max(number, Decimal(bounds.min)), Decimal(bounds.max)).normalize(), "f")
