"""The texts of several sizes that training is timed on (dev/bench/trainer/sizes.py)."""

from pathlib import Path

from dev.bench.trainer.sizes import write_texts


def test_texts_of_a_size_have_so_many_tokens_and_are_the_same_in_each_run(tmp_path: Path) -> None:
    lines = ["The tide is early .\n", "And so am I .\n"]
    for name in ("first", "second"):
        write_texts(lines, 4000, tmp_path / name)
    first, second = (
        [file.read_text("utf-8") for file in sorted((tmp_path / name).iterdir())] for name in ("first", "second")
    )
    assert first == second
    assert all(100 <= len(text.split()) < 105 for text in first)
