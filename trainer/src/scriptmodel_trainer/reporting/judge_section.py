"""The judge's figures of the scripts on the report page, beside those of held-out text."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from scriptmodel_trainer.judging.figures import MEANING, Figures, shown
from scriptmodel_trainer.judging.reference import NO_FIGURES, Reference
from scriptmodel_trainer.judging.verdict import judge

_SHOWN = [name for name in MEANING if name not in ("longest_copy", "self_bleu")]


def judge_section(reference: Reference | None, scripts: Mapping[str, Sequence[str]]) -> str:
    """Return a table of the figures of each script (title to tokens) and a verdict, as HTML."""
    if reference is None:
        return f"<p class='note'>{NO_FIGURES.capitalize()}.</p>"
    figures = {title: reference.figures(tokens) for title, tokens in scripts.items()}
    columns = [*figures.values(), reference.held_out]
    titles = "".join(f"<th>{html.escape(title)}</th>" for title in (*figures, "Held-out text"))
    verdicts = "".join(f"<td>{_verdict(column, reference.held_out)}</td>" for column in columns[:-1])
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(MEANING[name])}</th>"
        f"{''.join(f'<td>{shown(getattr(column, name))}</td>' for column in columns)}</tr>"
        for name in _SHOWN
    )
    return (
        "<h3>The judge: these scripts beside text that training held out</h3>"
        f"<table><thead><tr><th></th>{titles}</tr></thead><tbody>"
        f"<tr><th scope='row'>verdict, and how near to held-out text (0 to 1)</th>{verdicts}<td></td></tr>{rows}"
        "</tbody></table>"
    )


def _verdict(figures: Figures, held_out: Figures) -> str:
    verdict = judge(figures, held_out)
    return f"{verdict.verdict}, {verdict.overall:.2f}"
