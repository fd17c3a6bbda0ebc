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
        numbers = [number for text in texts if (number := _number(text)) is not None]
        if len(numbers) < len(texts):
            words = sorted(set(texts))
            places = [float(words.index(text)) for text in texts]
            self._labels = [(float(place), word) for place, word in enumerate(words)]
        else:
            logarithmic = 0 < 10 * min(numbers) < max(numbers)
            places = [math.log(number) for number in numbers] if logarithmic else numbers
            marks = sorted(set(places))
            if len(marks) > _MOST_LABELS:
                marks = [marks[0] + (marks[-1] - marks[0]) * n / (_MOST_LABELS - 1) for n in range(_MOST_LABELS)]
            self._labels = [(mark, shown(math.exp(mark) if logarithmic else mark)) for mark in marks]
        self._low, self._high = min(places), max(places)
        placed = [
            Series(each.name, each.style, each.values, [place] if each.values else [])
            for each, place in zip(series, places, strict=True)
        ]
        super().__init__(title, placed, size=size, logarithmic=True)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Values of the setting that are written at the axis."""
        return self._labels

    def x(self, epoch: float) -> float:
        """Return the place of a value of the setting."""
        share = 0.5 if self._high == self._low else (epoch - self._low) / (self._high - self._low)
        return round(self.left + (_MARGIN + share * (1 - 2 * _MARGIN)) * (self.right - self.left), 1)


def _number(text: str) -> float | None:
    """Return the finite number that a text is; None for another text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
