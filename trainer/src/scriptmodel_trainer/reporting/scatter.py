"""Charts of points: what a setting did to the perplexity of the trials of a search."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from scriptmodel_trainer.web.charts import Chart, Series, shown

_MARGIN = 0.04  # of the width, between the frame and the outermost points
_MOST_LABELS = 6
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,18})?")


class Scatter(Chart):
    """A point for each series over the value of a setting; `texts` are those values, which may be words.

    Numbers that differ by more than a factor of ten are on a logarithmic axis. Perplexities always are.
    """

    axis, joined = "", False

    def __init__(self, title: str, series: Sequence[Series], texts: Sequence[str], *, size: tuple[int, int]) -> None:
        if all(map(_NUMBER.fullmatch, texts)):
            numbers = [*map(float, texts)]
            logarithmic = 0 < 10 * min(numbers) < max(numbers)
            places = [*map(math.log, numbers)] if logarithmic else numbers
            marks = sorted(set(places))
            if len(marks) > _MOST_LABELS:
                marks = [marks[0] + (marks[-1] - marks[0]) * n / (_MOST_LABELS - 1) for n in range(_MOST_LABELS)]
            labels = [(mark, shown(math.exp(mark) if logarithmic else mark)) for mark in marks]
        else:
            words = sorted(set(texts))
            places = [float(words.index(text)) for text in texts]
            labels = [(float(place), word) for place, word in enumerate(words)]
        placed = [replace(each, places=[place]) for each, place in zip(series, places, strict=True)]
        super().__init__(title, placed, size=size, logarithmic=True)
        margin = _MARGIN * (max(places) - min(places))
        self._first, self._last, self.labels = min(places) - margin, max(places) + margin, labels
