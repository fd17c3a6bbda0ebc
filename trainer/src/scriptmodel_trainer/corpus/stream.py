"""The whole corpus as arrays of token numbers, built file by file so that memory holds four bytes a token."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.corpus import layouts, plain, reading, tally
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.plays import PlayCounts, PlayFacts, line_starts
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.splits import SHARES, SPLITS, split_events, split_of_name
from scriptmodel_trainer.corpus.tally import Tally
from scriptmodel_trainer.corpus.tokens import MARKERS, event_tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage.arrays import Flags, Ids
from scriptmodel_trainer.storage.records import FILES, SCENES

Keep = Callable[[Source, Iterable[Event]], object]
"""What is given a file and its events as they are read."""


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Files that were read: `lexicon` is the token of each number, `tallies` are those of the files."""

    lexicon: list[str]
    tallies: Sequence[Tally]

    @property
    def doubt(self) -> str:
        """Which files do not look like scripts, in one line; empty if all do."""
        return tally.doubt(self.tallies)

    @property
    def understood(self) -> float:
        """Share of the tokens."""
        return tally.share_understood(self.tallies)


@dataclass(frozen=True, slots=True)
class WholeStream(_Corpus):
    """All files as one stream of numbers; `starts` are the places at which another file starts."""

    ids: Ids
    starts: Ids


@dataclass(frozen=True, slots=True)
class TokenStream(_Corpus):
    """The files in three splits (1-D int32 each).

    `starts` are the places in each split at which another file starts, but the first one; `files` names those of the
    training split.
    """

    splits: dict[str, Ids]
    digest: str
    notes: tuple[str, ...]
    starts: dict[str, Ids]
    files: tuple[str, ...]
    lines: Flags  # 1 in the place of each token of the training split at which a line of verse begins
    plays: tuple[PlayFacts, ...]  # those of files that have a part in training
    split: str  # what stayed together: SCENES or whole FILES

    @property
    def layouts(self) -> dict[str, int]:
        """How many files had which layout."""
        return dict(Counter(each.layout for each in self.tallies))

    @property
    def holds_out(self) -> bool:
        """True unless the corpus is so small that the validation text is the training text."""
        return self.splits["valid"] is not self.splits["train"]


def events_of(source: Source, layout: Layout | None) -> tuple[Layout, float, Iterator[Event]]:
    """The layout of a file (found if None), the confidence in it, and the file's events."""
    sample = reading.sample_lines(source)
    layout, confidence = layouts.detect(sample, layout)
    return layout, confidence, layout.parse(layout.read(source), sample)


def tokens_of(source: Source, layout: Layout | None) -> tuple[Tally, Iterator[tuple[Event, list[str]]]]:
    """Return the tally of a file, complete once all of its events are read, and the events with their tokens."""
    sample = reading.sample_lines(source)
    layout, confidence = layouts.detect(sample, layout)
    counts = Tally(source.name, layout.name, confidence)
    events = layout.parse(counts.counting(layout.read(source)), sample)

    def counted() -> Iterator[tuple[Event, list[str]]]:
        for event in events:
            tokens = event_tokens(event)
            counts.add(event, len(tokens))
            yield event, tokens

    return counts, counted()


def is_worded(tokens: Iterable[str]) -> bool:
    """Return whether any token is a word or number, no marker or punctuation."""
    words = (token for token in tokens if token not in MARKERS and token not in plain.MARKERS)
    return any(character.isalnum() for word in words for character in word)


def read_corpus(
    sources: Sequence[Source],
    layout: Layout | None,
    note: Callable[[str], None],
    split: str | None = SCENES,
    keep: Keep | None = None,
) -> TokenStream:
    """Read, normalise and split all files, by SCENES or by whole FILES; `keep` is given the events of each, too.

    Without a `split` it is FILES where so many files hold words that a whole one is no more than a share, else SCENES.
    Raises BadInputError if they hold no words, or a file that is named for a split holds none.
    """
    files, lexicon = _read_files(sources, layout, keep)
    without_words = _notes_on_empty(files)
    split = split or _split_for(files)
    parts, gaps = _split(files, split)
    _, train_owners, train_lines = parts["train"]
    notes = (*without_words, *gaps)
    for text in notes:
        note(text)
    return TokenStream(
        lexicon=lexicon,
        tallies=[file.tally for file in files],
        splits={name: ids for name, (ids, _, _) in parts.items()},
        digest=reading.corpus_digest(sources),
        notes=notes,
        starts={name: _changes(owners) for name, (_, owners, _) in parts.items()},
        files=tuple(files[number].tally.file for number in train_owners[[0, *_changes(train_owners)]].tolist()),
        lines=train_lines,
        plays=tuple(play for number in np.unique(train_owners).tolist() for play in files[number].plays),
        split=split,
    )


def read_whole(sources: Sequence[Source], layout: Layout | None) -> WholeStream:
    """Read and normalise all files without splitting; BadInputError if they hold no words."""
    files, lexicon = _read_files(sources, layout)
    ids, owners, _ = _joined(files)
    return WholeStream(lexicon, [file.tally for file in files], ids, _changes(owners))


@dataclass(frozen=True, slots=True)
class _File:
    tally: Tally
    split: str | None
    ids: array[int]
    lengths: array[int]  # tokens of each event
    scenes: array[int]  # 1 where a scene begins
    lines: array[int]  # places at which a line of verse begins
    plays: tuple[PlayFacts, ...]


def _read_files(
    sources: Sequence[Source], layout: Layout | None, keep: Keep | None = None
) -> tuple[list[_File], list[str]]:
    """Return the files and their lexicon; BadInputError if they hold no words."""
    lexicon: defaultdict[str, int] = defaultdict()
    lexicon.default_factory = lexicon.__len__  # a new token gets the next number
    files = []
    for source in sources:
        with reading.naming(source):
            files.append(_read_file(source, layout, lexicon, keep))
    if not is_worded(lexicon):
        raise tally.nothing_found([file.tally for file in files], requested=layout is not None)
    return files, list(lexicon)


def _read_file(source: Source, layout: Layout | None, lexicon: dict[str, int], keep: Keep | None) -> _File:
    counts, events = tokens_of(source, layout)
    ids, lengths, scenes, lines = array("i"), array("i"), array("b"), array("i")
    plays, kept = [PlayCounts()], list[Event]()
    number = lexicon.__getitem__
    for event, tokens in events:
        if keep:
            kept.append(event)
        if event.play:
            plays.append(PlayCounts(event.play))
        if tokens:
            if "\n" in event.text:
                lines.extend(len(ids) + place for place in line_starts(event.text, tokens))
            plays[-1].add(event, tokens)
            ids.extend(map(number, tokens))
            lengths.append(len(tokens))
            scenes.append(event.kind is EventKind.HEADING)
    if keep:
        keep(source, kept)
    if scenes:
        scenes[0] = 1  # a file never shares a scene with the one before
    spoken = [play for play in plays if play.names]
    facts = tuple(play.facts(source.name, number, alone=len(spoken) == 1) for play in spoken)
    return _File(counts, split_of_name(source.name), ids, lengths, scenes, lines, facts)


def _notes_on_empty(files: Iterable[_File]) -> list[str]:
    """A note for each file that gave nothing; BadInputError if its name says that it is a split."""
    notes = []
    for file in files:
        if file.ids:
            continue
        named = f", which is named as the {file.split} split" if file.split else ""
        note = f"no words found in {file.tally.file}{named} (read as {file.tally.layout})"
        if file.split:
            raise BadInputError(note, "check the file and --layout, or leave it out")
        notes.append(note)
    return notes


def _loose(files: Sequence[_File]) -> list[int]:
    """Return the numbers of the files whose names do not say which split they are."""
    validated = any(file.split == "valid" for file in files)
    return [
        number for number, file in enumerate(files) if file.split is None or (file.split == "train" and not validated)
    ]


def _split_for(files: Sequence[_File]) -> str:
    """Return FILES if whole files can make up the shares of the splits, else SCENES."""
    full = sum(1 for number in _loose(files) if files[number].ids)
    return FILES if full * min(SHARES) >= 1 else SCENES


Part = tuple[Ids, Ids, Flags]
"""Tokens of a split, and for each of them the number of its file, and whether a line of verse begins with it."""


def _joined(files: Sequence[_File]) -> Part:
    """Return the tokens of all files."""
    sizes = [len(file.ids) for file in files]
    ids = np.concatenate([np.asarray(file.ids, np.int32) for file in files])
    lines = np.zeros(len(ids), np.int8)
    for file, end in zip(files, np.cumsum(sizes).tolist(), strict=True):
        lines[np.asarray(file.lines, np.int32) + (end - len(file.ids))] = 1
    return ids, np.repeat(np.arange(len(files), dtype=np.int32), sizes), lines


def _changes(owners: Ids) -> Ids:
    """Return the places at which another file starts than the one before."""
    return np.flatnonzero(owners[1:] != owners[:-1]).astype(np.int32) + 1


def _split(files: Sequence[_File], by: str) -> tuple[dict[str, Part], list[str]]:
    """Return the splits, and notes on those that have no text of their own."""
    lengths = np.concatenate([np.asarray(file.lengths, np.int64) for file in files])
    owners = np.repeat(np.arange(len(files)), [len(file.lengths) for file in files])  # of events
    splits = np.array([SPLITS.index(file.split or "train") for file in files])[owners]
    loose = np.isin(owners, _loose(files))
    if loose.any():
        firsts = [np.arange(len(file.scenes)) == 0 if by == FILES else np.asarray(file.scenes) > 0 for file in files]
        found = split_events(lengths[loose], np.concatenate(firsts)[loose], whole=by == FILES)
        # If the corpus names this split itself, what was not named goes to training.
        splits[loose] = np.where(np.isin(found, splits[~loose]), 0, found)
    of_token = np.repeat(splits, lengths)
    ids, files_of, lines = _joined(files)
    places = {name: of_token == index for index, name in enumerate(SPLITS)}
    return _without_gaps({name: (ids[own], files_of[own], lines[own]) for name, own in places.items()})


def _without_gaps(splits: dict[str, Part]) -> tuple[dict[str, Part], list[str]]:
    notes = []
    if not len(splits["train"][0]):
        raise BadInputError("the training split is empty", "name a file *.train.txt or one without .valid and .test")
    if not len(splits["valid"][0]):
        splits = {**splits, "valid": splits["train"]}
        notes.append("the corpus is too small to split: validation uses the training text itself")
    if not len(splits["test"][0]):
        splits = {**splits, "test": splits["valid"]}
        notes.append("no text is left for the test split: it uses the validation text")
    return splits, notes
