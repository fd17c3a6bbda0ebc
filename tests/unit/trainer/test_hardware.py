"""Which device trains is reported, and a GPU that was requested but is missing is noticed before the corpus is read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tensors import tf

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.model import hardware


def train(corpus: Path, out: Path, *more: str) -> int:
    words = ["train", "--data", str(corpus), "--out", str(out), "--preset", "test", "--set", "hidden_units=6"]
    return main([*words, "--log", "json", *more])


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "gpus", list)


def test_a_requested_but_missing_gpu_is_the_first_event(
    corpus: Path, tmp_path: Path, without_gpu: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIPTMODEL_GPU_REQUESTED", "1")
    assert train(corpus, tmp_path / "m", "--preset", "test") == 0
    warning, _, device, *_ = events(capsys)
    assert (warning["event"], warning["code"]) == ("warning", "no-gpu")
    assert "a GPU was requested, but TensorFlow sees none: training uses the CPU" in warning["message"]
    assert (device["device"], device["gpu_requested"], device["precision"]) == ("cpu", True, "float32")


def test_a_required_but_missing_gpu_ends_with_code_2_before_the_corpus_is_read(
    tmp_path: Path, without_gpu: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIPTMODEL_GPU_REQUIRED", "1")
    missing = tmp_path / "no such corpus"
    assert train(missing, tmp_path / "m") == 2
    (error,) = events(capsys)
    assert (error["code"], error["message"]) == (2, "a GPU was requested, but TensorFlow sees none")
    assert "driver" in error["hint"]


def test_a_gpu_that_nobody_requested_is_not_missed(
    corpus: Path, tmp_path: Path, without_gpu: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(corpus, tmp_path / "m", "--preset", "test") == 0
    _, device, *more = events(capsys)
    assert device["gpu_requested"] is False
    assert not [event for event in more if event["event"] == "warning"]
    model = load_model(tmp_path / "m")
    assert model.metrics.device is not None
    assert (model.metrics.device.kind, model.metrics.device.name) == ("cpu", device["name"])
    assert device["name"] in (tmp_path / "m" / "report.html").read_text("utf-8")
    assert model.metrics.precision == "float32"


def test_emulated_bfloat16_is_reported(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "bfloat16_is_faster", lambda: False)
    assert train(corpus, tmp_path / "m", "--set", "precision=bfloat16") == 0
    assert "float32 trains faster on this processor" in capsys.readouterr().err


def test_gpu_memory_grows_on_demand_and_the_device_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[object] = []
    monkeypatch.setattr(hardware, "gpus", lambda: ["card"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grow: grown.append((gpu, grow)))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {"device_name": "Some Card"})
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 15360\necho 8192\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    hardware.load_tensorflow(0)
    assert grown == [("card", True)]
    found = hardware.device()
    assert (found.kind, found.name, found.memory_bytes) == ("gpu", "Some Card", 15360 << 20)
    tool.unlink()
    assert hardware.device().memory_bytes is None


@pytest.mark.parametrize(
    ("limit", "threads"),
    [
        ("100000 100000\n", "1"),
        ("150000 100000\n", "2"),
        ("6400000 100000\n", "3"),
        ("max 100000\n", None),
        ("100000 0\n", None),
        ("?", None),
        (None, None),
    ],
)
def test_training_has_as_many_threads_as_the_container_may_use_processors(
    limit: str | None, threads: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(hardware, "CPU_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    hardware.load_tensorflow(0)
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") == threads


def test_threads_that_are_set_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    monkeypatch.setattr(hardware, "CPU_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    hardware.load_tensorflow(0)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "7"
