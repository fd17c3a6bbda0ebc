"""The report page: self-contained, safe, and whole."""

import dataclasses
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from running import run_trainer

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.reporting.templating import render
from scriptmodel_trainer.reporting.training_section import circumstances, overfitting, training_section
from scriptmodel_trainer.storage.records import Choice, Device, EpochRecord, Metrics, SplitPerplexity
from scriptmodel_trainer.web.charts import Chart, Series


class Page(HTMLParser):
    """Checks that tags nest, and keeps what a browser would fetch."""

    VOID = frozenset(("meta", "line", "circle", "polyline", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(model: Path) -> None:
    text = (model / "report.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert not page.open
    assert not page.fetched
    assert "http" not in text
    assert "<script" not in text


def test_the_page_shows_curves_classes_corpus_samples_and_recipe(model: Path) -> None:
    text = (model / "report.html").read_text("utf-8")
    assert text.count("<svg viewBox") == 3
    assert text.count('class="script"') == 1
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    assert "--preset demo --seed 3" in text
    assert "OLD BEN" in text
    assert load_model(model).origin.corpus.digest in text


def test_the_report_command_rewrites_the_page(model: Path, tmp_path: Path) -> None:
    done = run_trainer(["report", model, "--out", tmp_path / "page.html"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_text("utf-8") == (model / "report.html").read_text("utf-8")


def test_words_of_the_corpus_cannot_become_markup(model: Path) -> None:
    trained = load_model(model)
    summary = msgspec.structs.replace(trained.origin.corpus.summary, frequent_words=(("<img src=x>", 3),))
    corpus = msgspec.structs.replace(trained.origin.corpus, notes=("<script>alert(1)</script>",), summary=summary)
    preset = dataclasses.replace(trained.origin.preset, optimizer="<script>alert(2)</script>")
    origin = dataclasses.replace(trained.origin, corpus=corpus, preset=preset)
    text = render_report(dataclasses.replace(trained, origin=origin))
    assert "<script>" not in text
    assert "<img" not in text


def test_the_recipe_names_a_layout_that_was_forced(model: Path) -> None:
    trained = load_model(model)
    assert trained.origin.corpus.layout == "auto"
    assert "--layout" not in render_report(trained)
    corpus = msgspec.structs.replace(trained.origin.corpus, layout="normalized")
    text = render_report(dataclasses.replace(trained, origin=dataclasses.replace(trained.origin, corpus=corpus)))
    assert "--preset demo --seed 3 --layout normalized --set" in text


def test_the_recipe_of_a_model_whose_preset_was_chosen_lets_auto_choose_again(model: Path) -> None:
    trained = load_model(model)
    settings = {"hidden_units": 24, "softmax_cutoff": 2000, "dropout": 0.5}
    metrics = msgspec.structs.replace(trained.metrics, auto=Choice("demo", 9000, 10.0, settings, pace=2.5))
    text = render_report(dataclasses.replace(trained, metrics=metrics))
    recipe = re.search(r"--preset auto --seed 3 --minutes 4 --set ([^<]*)<", text)
    assert recipe
    changed = dict(word.split("=") for word in recipe[1].split())
    assert "hidden_units" not in changed
    assert "softmax_cutoff" not in changed
    assert changed["dropout"] == "0.0", "settings of one's own replace those that auto chose"


def drawn(*series: Series, logarithmic: bool = False) -> str:
    return render("chart.svg", chart=Chart("title", series, logarithmic=logarithmic))


def trained(epochs: list[EpochRecord], best: int, preset: Preset) -> str:
    return render("training.html", training=training_section(epochs, best, preset))


@pytest.mark.parametrize(
    "values", [[100.0], [100.0, 50.0, 20.0], [1.0, 1.0], [math.inf, math.nan, 30.0], [1e300, 3.0], list(range(1, 80))]
)
@pytest.mark.parametrize("logarithmic", [True, False])
def test_a_chart_stays_within_its_frame(values: list[float], logarithmic: bool) -> None:
    svg = drawn(Series("line", "one", values), logarithmic=logarithmic)
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for dot in root.iter("circle"):
        assert 0 <= float(dot.attrib["cx"]) <= width
        assert 0 <= float(dot.attrib["cy"]) <= height
    for text in root.iter("text"):
        assert 0 <= float(text.attrib["y"]) <= height
    assert "nan" not in re.sub(r"<title>.*?</title>", "", svg)


def test_a_chart_without_values_is_empty() -> None:
    assert drawn(Series("line", "one", [math.nan])) == ""


def test_the_last_values_of_lines_do_not_overlap() -> None:
    svg = drawn(Series("a", "one", [90.0, 71.4]), Series("b", "two", [80.0, 71.5]), logarithmic=True)
    root = ET.fromstring(svg)  # noqa: S314  # our own text
    values = [text for text in root.iter("text") if text.attrib["class"].startswith("value")]
    assert [text.text for text in values] == ["71.5", "71.4"]
    assert float(values[1].attrib["y"]) - float(values[0].attrib["y"]) >= 12


def test_small_numbers_are_written_without_powers_of_ten() -> None:
    assert drawn(Series("rate", "one", [5e-324, 1e-15]))
    assert "e-05" not in drawn(Series("rate", "one", [0.00007, 0.00003]))


def epochs_of(*figures: tuple[float, float]) -> list[EpochRecord]:
    return [EpochRecord(number, train, valid, 1.0, 2.0, 9.0) for number, (train, valid) in enumerate(figures, 1)]


@pytest.mark.parametrize(
    ("figures", "best", "said"),
    [
        (
            [(90, 80), (60, 70), (50, 72), (40, 75)],
            2,
            "rose from 70.0 to 75.0 while training perplexity fell from 60.0",
        ),
        ([(90, 80), (60, 70), (50, 72)], 2, ""),  # one epoch may be chance
        ([(90, 80), (60, 70), (50, 70.1), (40, 70.2)], 2, ""),  # level
        ([(90, 80), (60, 70), (65, 72), (70, 75)], 2, ""),  # training does not get better either
        ([(90, 80), (60, 70), (50, 60)], 3, ""),
    ],
)
def test_the_report_states_when_a_model_overfits(figures: list[tuple[float, float]], best: int, said: str) -> None:
    sentence = overfitting(epochs_of(*figures), best)
    assert said in sentence
    assert bool(sentence) is bool(said)
    assert (f"overfits after epoch {best}" in trained(epochs_of(*figures), best, Preset())) is bool(said)


def test_the_best_epoch_is_marked_and_dropout_is_mentioned_if_used() -> None:
    epochs = epochs_of((90, 80), (60, 70), (50, 72))
    with_dropout, without = (trained(epochs, 2, Preset(dropout=rate)) for rate in (0.2, 0.0))
    assert with_dropout.count("<title>best epoch: 2</title>") == 1
    assert "measured with dropout" in with_dropout
    assert "dropout" not in without


def test_the_report_shows_a_sample_line_of_each_epoch_if_recorded(model: Path) -> None:
    samples = [epoch.sample for epoch in load_model(model).metrics.epochs]
    assert len(samples) == 4
    text = (model / "report.html").read_text("utf-8")
    assert "A line after each epoch" in text
    assert text.count(" (best)</th>") == 1
    assert "A line after each epoch" not in trained(epochs_of((9, 9)), 1, Preset())


def measured(**more: Any) -> Metrics:
    return Metrics("", tuple(epochs_of((9, 9))), SplitPerplexity(), {"train": 90}, 1, **{"seconds": 1.0} | more)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (measured(stopped_by="budget"), "The budget of seconds ended the training"),
        (measured(restarts=1), "restarted once and continued from its saved state."),
        (
            measured(device=Device("gpu", "Some Card", 16 << 30), precision="float32"),
            "Trained on Some Card (GPU) with 16 GiB in float32.",
        ),
    ],
)
def test_the_report_states_the_circumstances_of_a_training(metrics: Metrics, sentence: str) -> None:
    (note,) = circumstances(metrics)
    assert sentence in note
    assert not circumstances(measured(stopped_by="epochs"))
