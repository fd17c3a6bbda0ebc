"""Sub-words: pieces of words, so that a vocabulary can spell every word.

The pieces are learned by byte-pair encoding (Sennrich et al., arXiv:1508.07909): the most frequent pair of neighbours
within words becomes a piece, again and again. A word is written with the longest pieces first, as WordPiece does; `##`
begins a piece that continues a word. A character that no piece has is written as its bytes.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from string import ascii_letters, digits, punctuation

from scriptmodel_trainer.corpus.plain import BYTES, ERRORS

CONTINUES = "##"
_LONGEST = 64  # characters of a piece
_VALUES = {token: value for value, token in enumerate(BYTES)}
LETTERS = (
    *(ascii_letters + digits + punctuation),
    *(CONTINUES + letter for letter in ascii_letters + "'-"),
    *BYTES,
    *(CONTINUES + byte for byte in BYTES),
)
"""Pieces that every vocabulary of sub-words has: with them any token can be written."""

Pair = tuple[str, str]


def is_word(token: str) -> bool:
    return not token.startswith("<") and any(map(str.isalpha, token))


def continues(piece: str) -> bool:
    return len(piece) > len(CONTINUES) and piece.startswith(CONTINUES)


def learn_pieces(counts: Mapping[str, int], size: int) -> list[str]:
    """Return at most `size` pieces of the words with these counts: single characters first, then joined pieces.

    Ties are in alphabetical order, so that the same words give the same pieces. Very long words are left out.
    """
    counts = {word: count for word, count in counts.items() if len(word) <= _LONGEST}
    characters = Counter[str]()
    for word, count in counts.items():
        for piece in _characters(word):
            characters[piece] += count
    found = dict.fromkeys(sorted(characters, key=lambda piece: (-characters[piece], piece))[:size])
    for joined in _merges(counts):
        if len(found) >= size:
            break
        found[joined] = None
    return list(found)


def _merges(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield joined pieces, the most frequent pair of neighbours first, while a pair occurs twice."""
    neighbours = _Neighbours(counts)
    while (pair := neighbours.most_frequent()) is not None:
        joined = pair[0] + pair[1].removeprefix(CONTINUES)
        yield joined
        neighbours.join(pair, joined)


class _Neighbours:
    """The pieces of all words, and how often each pair of neighbours occurs."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._words = [(list(_characters(word)), count) for word, count in sorted(counts.items())]
        self._pairs: Counter[Pair] = Counter()
        self._places: defaultdict[Pair, set[int]] = defaultdict(set)
        for number, (pieces, count) in enumerate(self._words):
            self._count(number, pieces, count)
        self._queue = [(-count, pair) for pair, count in self._pairs.items()]
        heapq.heapify(self._queue)

    def _count(self, number: int, pieces: Sequence[str], count: int) -> None:
        for pair in itertools.pairwise(pieces):
            self._pairs[pair] += count
            self._places[pair].add(number)

    def most_frequent(self) -> Pair | None:
        """Return the pair that occurs most often, None if none occurs twice."""
        while self._queue:
            negative, pair = heapq.heappop(self._queue)
            count = self._pairs[pair]
            if count == -negative:
                return pair if count > 1 else None
            if count:  # it has become rarer since
                heapq.heappush(self._queue, (-count, pair))
        return None

    def join(self, pair: Pair, joined: str) -> None:
        changed: set[Pair] = set()
        for number in self._places.pop(pair):
            pieces, count = self._words[number]
            after = _joined(pieces, pair, joined)
            for old in itertools.pairwise(pieces):
                self._pairs[old] -= count
            self._count(number, after, count)
            changed.update(itertools.pairwise(after))
            self._words[number] = (after, count)
        del self._pairs[pair]
        for new in changed:
            heapq.heappush(self._queue, (-self._pairs[new], new))


def _joined(pieces: Sequence[str], pair: Pair, joined: str) -> list[str]:
    result: list[str] = []
    at = 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            result.append(joined)
            at += 2
        else:
            result.append(pieces[at])
            at += 1
    return result


def _characters(word: str) -> Iterator[str]:
    yield word[:1]
    for character in word[1:]:
        yield CONTINUES + character


def spelled(token: str, known: Container[str]) -> Sequence[str]:
    """Return a token alone if it is one of `known`, else its pieces; `words_of` gives it back."""
    return (token,) if token in known and not continues(token) else tuple(pieces_of(token, known))


def pieces_of(word: str, known: Container[str], longest: int = _LONGEST) -> Iterator[str]:
    """Yield the pieces of a word, the longest one of `known` first, and bytes where there is none.

    A piece has at most `longest` characters. A word that looks like a later piece or like a byte is not taken for one.
    """
    start, mark = 0, ""
    while start < len(word):
        for end in range(min(len(word), start + longest), start, -1):
            text = word[start:end]
            if mark + text in known and text not in _VALUES and (mark or not continues(text)):
                yield mark + text
                start = end
                break
        else:
            for value in word[start].encode("utf-8", ERRORS):
                yield mark + BYTES[value]
                mark = CONTINUES
            start += 1
        mark = CONTINUES


def words_of(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the words that pieces form; bytes that are no UTF-8 stay as they are."""
    held: list[str] = []
    for piece in pieces:
        if not continues(piece) or not held:
            yield from _word(held)
            held = []
        held.append(piece)
    yield from _word(held)


def _word(pieces: Sequence[str]) -> Iterator[str]:
    bare = [piece.removeprefix(CONTINUES) if at else piece for at, piece in enumerate(pieces)]
    if len(bare) < 2:
        yield from bare
        return
    content = b"".join(bytes([_VALUES[piece]]) if piece in _VALUES else piece.encode("utf-8", ERRORS) for piece in bare)
    yield content.decode("utf-8", ERRORS)
