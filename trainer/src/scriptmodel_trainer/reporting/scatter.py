"""Charts of points: what a setting did to the perplexity of the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scriptmodel_trainer.web.charts import Chart, Series, shown

_MARGIN = 0.04  # of the width, between the frame and the outermost points
_MOST_LABELS = 6


class Scatter(Chart):
    """A point for each series over the value of a setting; `texts` are those values, which may be words.

    Numbers that differ by more than a factor of ten are on a logarithmic axis. Perplexities always are.
    """

    axis, joined = "", False

    def __init__(self, title: str, series: Sequence[Series], texts: Sequence[str], *, size: tuple[int, int]) -> None:
        numbers = [_number(text) for text in texts]
        if all(number is not None for number in numbers):
            found = sorted({number for number in numbers if number is not None})
            self._log = found[0] > 0 and found[-1] > 10 * found[0]
            self._places = {text: number for text, number in zip(texts, numbers, strict=True) if number is not None}
            few = found if len(found) <= _MOST_LABELS else self._between(found[0], found[-1])
            self._labels = [(number, shown(number)) for number in few]
        else:
            self._log = False
            self._places = {text: float(index) for index, text in enumerate(sorted(set(texts)))}
            self._labels = [(place, text) for text, place in self._places.items()]
        placed = [
            Series(each.name, each.style, each.values, [self._places[text]] if each.values else [])
            for each, text in zip(series, texts, strict=True)
        ]
        super().__init__(title, placed, size=size, logarithmic=True)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Values of the setting that are written at the axis."""
        return self._labels

    @property
    def keys(self) -> Sequence[Series]:
        """Nothing: the chart of the curves has the same colours."""
        return ()

    def x(self, epoch: float) -> float:
        """Return the place of a value of the setting."""
        low, high, at = min(self._places.values()), max(self._places.values()), epoch
        if self._log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = 0.5 if high == low else (at - low) / (high - low)
        return round(self.left + (_MARGIN + share * (1 - 2 * _MARGIN)) * (self.right - self.left), 1)

    def title_of(self, line: Series, place: float) -> str:
        """Return what a value is called."""
        del place
        return line.name

    def _between(self, low: float, high: float) -> list[float]:
        """Return some values at equal distances on the axis."""
        shares = [number / (_MOST_LABELS - 1) for number in range(_MOST_LABELS)]
        values = (low * (high / low) ** share if self._log else low + share * (high - low) for share in shares)
        return [float(f"{value:.2g}") for value in values]


def _number(text: str) -> float | None:
    """Return the finite number that a text is; None for another text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
