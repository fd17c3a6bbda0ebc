"""The table of the chart's values is generated from the comments in values.yaml."""

from pathlib import Path

import pytest

from dev.generate import chart


def values_of(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object, str]]:
    (folder / "values.yaml").write_text(text)
    monkeypatch.setattr(chart, "CHART", folder)
    return list(chart.values())


def test_a_comment_describes_the_value_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "image:\n  # -- Where the image\n  # is from.\n  registry: here\n# -- All.\nresources:\n  limits: {cpu: 1}\n"
    assert values_of(text, tmp_path, monkeypatch) == [
        ("image.registry", "here", "Where the image is from."),
        ("resources", {"limits": {"cpu": 1}}, "All."),
    ]


def test_a_value_without_a_comment_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"image\.tag has no comment"):
        values_of("image:\n  tag: main # not above it\n", tmp_path, monkeypatch)
