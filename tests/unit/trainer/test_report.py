"""The report page: self-contained, safe, and whole."""

import dataclasses
import html
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markup import Page

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.reporting.templating import render
from scriptmodel_trainer.storage.records import Device
from scriptmodel_trainer.web.charts import Chart, Series


def test_the_page_is_whole_and_fetches_nothing(model: Path) -> None:
    text = (model / "report.html").read_text("utf-8")
    page = Page(text)
    assert not page.unclosed
    assert not any({"src", "href"} & attributes.keys() for _, attributes in page.tags)
    assert "http" not in text
    assert "<script" not in text


def test_the_page_shows_curve_corpus_settings_and_a_script(model: Path) -> None:
    text, trained = (model / "report.html").read_text("utf-8"), load_model(model)
    assert text.count("<svg viewBox") == text.count("<title>best epoch: ") == 1
    assert text.count('<p class="cue">OLD BEN</p>') + text.count('<p class="cue">ANNA</p>') > 1
    assert "@media print" in text
    for name, value in (
        ("preset", "demo"),
        ("seed", "3"),
        ("split", "scenes"),
        ("Digest", trained.origin.corpus.digest),
    ):
        assert f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' in text
    assert all(f"<td>{epoch.sample.replace('_', ' ')}</td>" in html.unescape(text) for epoch in trained.metrics.epochs)


def test_words_of_the_corpus_cannot_become_markup(model: Path) -> None:
    trained = load_model(model)
    summary = msgspec.structs.replace(trained.origin.corpus.summary, frequent_words=(("<img src=x>", 3),))
    corpus = msgspec.structs.replace(trained.origin.corpus, notes=("<script>alert(1)</script>",), summary=summary)
    preset = dataclasses.replace(trained.origin.preset, optimizer="<script>alert(2)</script>")
    origin = dataclasses.replace(trained.origin, corpus=corpus, preset=preset)
    text = render_report(dataclasses.replace(trained, origin=origin))
    assert "<script>" not in text
    assert "<img" not in text


def drawn(*series: Series) -> str:
    return render("chart.svg", chart=Chart("title", series, 80))


@pytest.mark.parametrize(
    "values", [[100.0], [100.0, 50.0, 20.0], [1.0, 1.0], [math.inf, math.nan, 30.0], [1e300, 3.0], list(range(1, 80))]
)
def test_a_chart_stays_within_its_frame(values: list[float]) -> None:
    svg = drawn(Series("line", "one", [*enumerate(values, 1)]))
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    points = [point.split(",") for line in root.iter("polyline") for point in line.attrib["points"].split()]
    assert points
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)
    assert all(0 <= float(text.attrib["y"]) <= height for text in root.iter("text"))
    assert "nan" not in svg


def test_a_chart_without_values_is_empty() -> None:
    assert drawn(Series("line", "one", [(1, math.nan)])) == ""


def test_the_last_values_of_lines_do_not_overlap() -> None:
    svg = drawn(Series("a", "one", [(1, 90.0), (2, 71.4)]), Series("b", "two", [(1, 80.0), (2, 71.5)]))
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    values = [text for text in root.iter("text") if text.attrib["class"].startswith("value")]
    assert [text.text for text in values] == ["71.5", "71.4"]
    assert float(values[1].attrib["y"]) - float(values[0].attrib["y"]) >= 12


@pytest.mark.parametrize(
    ("changed", "card"),
    [
        ({"stopped_by": "budget"}, ("Ended by", "its budget")),
        ({"restarts": 1}, ("Restarts", "1")),
        (
            {"device": Device("gpu", "Some Card", 16 << 30), "precision": "float32"},
            ("Trained in float32 on", "Some Card"),
        ),
    ],
)
def test_the_report_states_the_circumstances_of_a_training(
    changed: dict[str, Any], card: tuple[str, str], model: Path
) -> None:
    trained = load_model(model)
    page = render_report(dataclasses.replace(trained, metrics=msgspec.structs.replace(trained.metrics, **changed)))
    assert "<dt>{}</dt><dd>{}</dd>".format(*card) in page
