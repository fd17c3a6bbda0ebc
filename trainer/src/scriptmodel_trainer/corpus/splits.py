"""Splits a corpus into training, validation and test text: by file name, else always the same 90/5/5.

Blocks that stay together are scenes, or whole files.
"""

import numpy as np
import numpy.typing as npt

SPLITS = ("train", "valid", "test")
SHARES = (0.90, 0.05, 0.05)
_MOST_BLOCKS = 60  # a scene longer than this share of the corpus is cut into runs of lines


def split_of_name(name: str) -> str | None:
    """Return the split in a file name (`anything.valid.txt`), None without one."""
    for split in SPLITS:
        if name.endswith(f".{split}.txt") or name.rpartition("/")[2] == f"{split}.txt":
            return split
    return None


def split_events(
    lengths: npt.NDArray[np.int64], scenes: npt.NDArray[np.bool_], *, whole: bool = False
) -> npt.NDArray[np.int8]:
    """Return the index of the split of each event, given the events' lengths in tokens and the starts of scenes.

    Whole scenes (or runs of lines, if a scene is too long for the shares) stay together; if `whole`, those of any
    length. Each block goes to the split that lags its share most, so the order of the corpus is kept and the same
    corpus splits the same way.
    """
    longest = int(lengths.sum()) // (1 if whole else _MOST_BLOCKS)
    blocks = _blocks(lengths, scenes, longest)
    sizes = np.bincount(blocks, weights=lengths).astype(np.float64)
    owner = np.zeros(len(sizes), np.int8)
    have = [0.0] * len(SPLITS)
    seen = 0.0
    for block, size in enumerate(sizes):
        seen += size
        lag = [share * seen - got for share, got in zip(SHARES, have, strict=True)]
        owner[block] = chosen = max(range(len(SPLITS)), key=lag.__getitem__)
        have[chosen] += size
    _fill_empty(owner, sizes)
    return owner[blocks]


def _fill_empty(owner: npt.NDArray[np.int8], sizes: npt.NDArray[np.float64]) -> None:
    """Give the smallest training blocks to splits that got none, as long as training keeps one."""
    for split in (1, 2):
        training = np.flatnonzero(owner == 0)
        if split not in owner and len(training) > 1:
            owner[training[np.argmin(sizes[training])]] = split


def _blocks(lengths: npt.NDArray[np.int64], scenes: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.int64]:
    numbers = np.zeros(len(lengths), np.int64)
    block, held = -1, 0
    for event, (length, scene) in enumerate(zip(lengths.tolist(), scenes.tolist(), strict=True)):
        if event == 0 or scene or held + length > longest:
            block, held = block + 1, 0
        held += length
        numbers[event] = block
    return numbers
