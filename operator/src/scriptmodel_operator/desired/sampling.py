"""Draws the values of the trials of a search. Pure: the same spec has the same trials everywhere."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from decimal import Decimal

from scriptmodel_operator.api.fields import shortest
from scriptmodel_operator.api.search import WHOLE, Bounds, Parameter, Search

_MOST_DRAWS = 100
"""Draws of a trial after which a combination may be there twice."""
_SIGNIFICANT_DIGITS = 4

Values = Mapping[str, str]
"""Values by the names that the spec has for them."""


def trials(search: Search) -> list[Values]:
    """Return the values of each trial, the first of which has number 1. More trials leave those before as they are."""
    if search.algorithm == "grid":
        names = [each.name for each in search.parameters]
        choices = (each.categorical.values if each.categorical else () for each in search.parameters)
        found = itertools.islice(itertools.product(*choices), search.trials)
        return [dict(zip(names, map(_canonical, names, values), strict=True)) for values in found]
    drawn: list[Values] = []
    for number in range(1, search.trials + 1):
        draws = (_drawn(search, f"{number}.{again}" if again else f"{number}") for again in range(_MOST_DRAWS))
        first = next(draws)
        drawn.append(next((each for each in itertools.chain([first], draws) if each not in drawn), first))
    return drawn


def _drawn(search: Search, number: str) -> Values:
    return {each.name: _value(each, _fraction(f"{search.seed}/{each.name}/{number}")) for each in search.parameters}


def _fraction(text: str) -> float:
    """Return a number in [0, 1) that looks random and is the same everywhere."""
    return float((int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53)


def _value(parameter: Parameter, share: float) -> str:
    """Return the value of a parameter that is `share` of the way through its range."""
    if parameter.categorical:
        values = parameter.categorical.values
        return _canonical(parameter.name, values[int(share * len(values))])
    bounds = parameter.uniform or parameter.log_uniform
    return _between(bounds, share, whole=parameter.name in WHOLE, log=parameter.uniform is None) if bounds else ""


def _between(bounds: Bounds, share: float, *, whole: bool, log: bool) -> str:
    """Return a whole number, or one of few digits, within the bounds."""
    least, most = float(bounds.min), float(bounds.max) + whole  # each whole number has an interval of its own
    found = math.exp(math.log(least) + share * math.log(most / least)) if log else least + share * (most - least)
    number = Decimal(int(found)) if whole else Decimal(f"{found:.{_SIGNIFICANT_DIGITS}g}")
    return shortest(format(min(max(number, Decimal(bounds.min)), Decimal(bounds.max)), "f"))


def _canonical(name: str, value: str) -> str:
    """Return the form that all notations of a value share, as fields of the spec have it."""
    return value if name in WHOLE or value in ("true", "false") else shortest(value)
