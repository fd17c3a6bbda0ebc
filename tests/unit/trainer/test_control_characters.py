"""No control character and no override of the writing direction of a corpus reaches a terminal, a page or a model."""

from pathlib import Path

import pytest
from running import run_trainer
from samples import TALK

C0 = {chr(code) for code in range(1, 32)} - set("\t\n\f\r")
C1 = {chr(code) for code in range(0x7F, 0xA0)}
BIDI = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
HOSTILE = "".join(sorted(C0 | C1 | BIDI))
NAME = "pl\x1b[2J\x9b\u202eay"


def _talk(layout: str) -> str:
    """A text that has each of the characters in a word, in a name, in a direction and alone."""
    if layout in ("plain", "normalized"):
        return "".join(f"the ti{char}de {char} is early\n" for char in HOSTILE) + "word " * 700
    hostile = (
        f"AN{char}NA. The ti{char}de {char} is early.\n\n[En{char}ter BEN.]\n\nBEN{char}. It is.\n\n"
        for char in HOSTILE
    )
    return TALK * 40 + "".join(hostile) + TALK


@pytest.fixture(scope="module", params=["auto", "plain", "normalized", "caps-period", "fountain"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A corpus in a layout, with a file of such a name and one without words."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / f"{NAME}.txt").write_text(_talk(request.param), "utf-8")
    (folder / f"{NAME}.empty.txt").write_text("...\n" * 20)
    return folder, request.param


def _clean(text: str) -> bool:
    return not set(HOSTILE) & set(text)


def test_normalize_writes_none(folder: tuple[Path, str], tmp_path: Path) -> None:
    data, layout = folder
    done = run_trainer(["normalize", data, "--layout", layout, "--stats", tmp_path / "stats.json"])
    assert done.returncode == 0, done.stderr
    assert "early" in done.stdout
    assert _clean(done.stdout)
    assert _clean(done.stderr)
    assert _clean((tmp_path / "stats.json").read_text("utf-8"))


def test_a_model_and_its_scripts_and_report_hold_none(tmp_path: Path) -> None:
    data = tmp_path / "corpus"
    data.mkdir()
    (data / f"{NAME}.txt").write_text(_talk("caps-period"), "utf-8")
    (data / f"{NAME}2.txt").write_text(_talk("plain"), "utf-8")
    (data / f"{NAME}.empty.txt").write_text("...\n" * 20)
    settings = ["--preset", "test", "--set", "hidden_units=4", "epochs=1", "batch_size=16", "vocabulary_size=500"]
    trained = run_trainer(["train", "--data", data, "--out", tmp_path / "model", *settings])
    assert trained.returncode == 0, trained.stderr
    written = run_trainer(["generate", tmp_path / "model", "--words", "100", "--temperature", "2"])
    assert written.returncode == 0, written.stderr
    log = (tmp_path / "model" / "train.log.jsonl").read_text("utf-8")
    assert "\\u001b" in log  # the file's name, escaped
    shown = run_trainer(["report", tmp_path / "model", "--out", tmp_path / "model" / "again.html"])
    assert shown.returncode == 0, shown.stderr
    said = {
        f"{kind} {at}": getattr(done, kind)
        for at, done in enumerate((trained, written, shown))
        for kind in ("stdout", "stderr")
    }
    texts = [path for path in (tmp_path / "model").iterdir() if path.suffix != ".safetensors"]
    said |= {path.name: path.read_text("utf-8") for path in texts}
    assert [where for where, text in said.items() if not _clean(text)] == []
