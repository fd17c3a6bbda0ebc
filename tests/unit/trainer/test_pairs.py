"""How each layout is read, by pairs of a text and its reading (tests/gold/pairs)."""

from pathlib import Path

import pairs
import pytest


@pytest.mark.parametrize("pair", list(pairs.all_pairs()), ids=lambda pair: pair.name)
def test_a_text_is_read_as_noted(pair: pairs.Pair, tmp_path: Path) -> None:
    found = pair.difference(tmp_path)
    assert not found, f"{pair.text}\nis read as\n{found}not as\n" + "\n".join(pair.expected)
