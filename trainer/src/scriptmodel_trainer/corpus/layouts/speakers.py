"""The speakers of a file, indexed so that no search visits all of them."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST_WORD = 3  # characters


class Speakers(set[str]):
    """Names of speakers; grows by `add` alone, which keeps the indexes."""

    __slots__ = ("_by_capitals", "_longest", "_words")

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._by_capitals: dict[str, str] = {}
        self._words: set[str] = set()
        self._longest = 0
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Add a name and its words to the indexes."""
        if name in self:
            return
        super().add(name)
        capitals = name.upper()
        self._by_capitals[capitals] = min(name, self._by_capitals.get(capitals, name))
        for word in name.split():
            if len(word) >= _SHORTEST_WORD:
                self._words.add(word)
                self._longest = max(self._longest, len(word))

    def spelled(self, name: str) -> str:
        """Return the first name, in order, that differs from `name` in capitals at most; "" if there is none."""
        return self._by_capitals.get(name.upper(), "")

    def begin(self, word: str) -> bool:
        """Return whether `word` begins with a word of at least three characters of a name."""
        lengths = range(_SHORTEST_WORD, min(len(word), self._longest) + 1)
        return any(word[:length] in self._words for length in lengths)
