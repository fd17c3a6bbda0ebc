"""The judge's figures of the scripts on the report page, beside those of held-out text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scriptmodel_trainer.judging.figures import MEANING, shown
from scriptmodel_trainer.judging.reference import Reference
from scriptmodel_trainer.judging.verdict import judge

_LEFT_OUT = ("longest_copy", "self_bleu")


def judged_table(reference: Reference, scripts: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the rows of a table: titles, a verdict on each script (title to tokens), and each figure."""
    figures = {title: reference.figures(tokens) for title, tokens in scripts.items()}
    verdicts = [judge(each, reference.held_out) for each in figures.values()]
    columns = [*figures.values(), reference.held_out]
    return [
        ("", *figures, "Held-out text"),
        (
            "verdict, and how near to held-out text (0 to 1)",
            *(f"{verdict.verdict}, {verdict.overall:.2f}" for verdict in verdicts),
            "",
        ),
        *(
            (meaning, *(shown(getattr(column, name)) for column in columns))
            for name, meaning in MEANING.items()
            if name not in _LEFT_OUT
        ),
    ]
