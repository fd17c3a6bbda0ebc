"""Who speaks in a script: the speakers of one play, those of a given text, or those that are asked for."""

import difflib
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.corpus.given import renamed
from scriptmodel_trainer.corpus.plays import PlayFacts
from scriptmodel_trainer.corpus.tokens import name_token
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.grammar import Kind, kind_of
from scriptmodel_trainer.model.vocabulary import Vocabulary

ANY: tuple[str, ...] = ()
"""The cast of a script in which all speakers of the model may speak."""
_MOST_PLAYS, _MOST_SPEAKERS = 2000, 100
_FEW = 3  # plays that have a name in common; of a few plays a third
_ALIKE, _NEAR = 0.8, 0.6  # of 1: names that differ by a slip, and by more
_DRAW = 0xCA57  # casts are drawn apart from words


@dataclass(frozen=True, slots=True)
class Cast:
    """The names that may speak in a script; without `names` every speaker of the model may.

    `voices` maps names that the model does not know to speakers of the model, with whose words they speak. `play` is
    the play that the cast was taken from, empty for a cast that was asked for. They may speak in `verse`, and of
    anybody but `strangers`: the proper names of plays that are not theirs. After a title they say one of `proper`, the
    names of theirs, if there are any.
    """

    names: tuple[str, ...] = ()
    voices: Mapping[str, str] = field(default_factory=dict)
    play: str = ""
    verse: bool = False
    strangers: frozenset[str] = frozenset()
    proper: tuple[str, ...] = ()

    def voice(self, name: str) -> str:
        """Return the speaker of the model that stands for a name."""
        return self.voices.get(name, name)

    def printed(self, script: Sequence[str]) -> list[str]:
        """Return the tokens of a script with the names of the cast in place of the voices."""
        names = {voice: name for name, voice in self.voices.items()}
        return renamed(script, lambda token: names.get(token, token))


def plays_of(
    found: Sequence[PlayFacts], known: Collection[str], lexicon: Sequence[str], proper: Collection[str]
) -> tuple[Play, ...]:
    """Return plays of the corpus with those speakers that are `known`, each in the form that is most frequent.

    The numbers of the facts are those of `lexicon`; words of `proper` may be names.
    """
    plays, found = [], found[:_MOST_PLAYS]
    used = Counter(itertools.chain.from_iterable(facts.capitalised for facts in found))
    few = min(_FEW, max(1, len(found) // 3)) if len(found) > 1 else 0
    for facts in found:
        name = f"{facts.file}: {facts.title}" if facts.title else facts.file
        own = filter(proper.__contains__, (lexicon[number] for number in facts.capitalised if used[number] <= few))
        if speakers := one_form(filter(known.__contains__, facts.speakers))[:_MOST_SPEAKERS]:
            plays.append(Play(name.encode(errors="replace").decode(), tuple(speakers), facts.verse, tuple(own)))
    return tuple(plays)


def name_parts(name: str) -> list[str]:
    """Return the words of a name in small letters."""
    return name.casefold().split("_")


def one_form(names: Iterable[str]) -> list[str]:
    """Return names without those that another before them differs from by capitals alone."""
    forms: dict[str, str] = {}
    for name in names:
        forms.setdefault(name.casefold(), name)
    return list(forms.values())


class Casting:
    """Finds speakers by their names, and chooses the cast of a script."""

    def __init__(self, vocabulary: Vocabulary, plays: Sequence[Play] = ()) -> None:
        self._vocabulary = vocabulary
        self.speakers = [name for name in vocabulary.names if kind_of(name) is not Kind.UNWRITTEN]
        self._plays = [play for play in plays if len(play.speakers) > 1]
        self.verse = any(play.verse for play in plays)

    def find(self, name: str) -> str | None:
        """Return the speaker of that name as the model knows it, None if the model knows none."""
        token = name_token(name)
        alike = [speaker for speaker in self.speakers if speaker.casefold() == token.casefold()]
        return token if token in alike else next(iter(alike), None)

    def require(self, name: str, heard: Sequence[str] = ()) -> str:
        """Return the speaker of that name, or one that is `heard` in a text; BadInputError with the closest others."""
        token = name_token(name)
        folded = {each.casefold(): each for each in (*reversed(self.speakers), *heard)}
        if token.casefold() in folded:
            return self.find(name) or folded[token.casefold()]
        meant = self.meant(name, heard, cutoff=_NEAR)
        more = " ..." if len(self.speakers) > 12 else ""
        raise BadInputError(
            f'unknown speaker "{name}"{meant}',
            f"the model knows {', '.join(self.speakers[:12]).replace('_', ' ')}{more}",
            parameter="speaker",
        )

    def meant(self, name: str, heard: Sequence[str] = (), cutoff: float = _ALIKE) -> str:
        """Return which other names are nearly this one, as a question; "" if none is."""
        folded = {each.casefold(): each for each in (*reversed(self.speakers), *heard)}
        near = difflib.get_close_matches(name_token(name).casefold(), folded, n=3, cutoff=cutoff)
        return f" (did you mean {' or '.join(folded[each].replace('_', ' ') for each in near)}?)" if near else ""

    def cast(self, wanted: Sequence[str] | None, heard: Sequence[str], seed: Sequence[int]) -> Cast:
        """Return the cast of a script.

        `wanted` are the only names that may speak, None chooses a play and ANY all of them. `heard` are names that
        speak in the text that the script starts with: their play is chosen, else the seed draws one.
        Raises BadInputError if a wanted name has no letters.
        """
        heard = [self._token(name) for name in heard]
        spoken = {name.casefold(): name for name in heard}  # `Zoé` of the text is ZOÉ
        names = [spoken.setdefault(name.casefold(), name) for name in map(self._token, wanted or ())]
        if not self.speakers or (wanted is not None and not wanted):
            return Cast(verse=self.verse)
        play = self._play_of([*names, *heard], np.random.default_rng((*seed, _DRAW)))
        shared = len(set(heard).intersection(play.speakers)) if play else 0
        if names or (len(heard) > 1 and shared * 2 < len(heard)):  # a cast that was asked for, a scene of other people
            chosen, title = names or heard, ""
        elif play is None:
            return Cast(verse=self.verse)
        else:
            chosen, title = [*heard, *play.speakers], play.name
        return Cast(
            tuple(dict.fromkeys(chosen)),
            self._voices([*names, *heard], play),
            title,
            play.verse if play else self.verse,
            self._strangers({*names, *heard}, play) if play else frozenset(),
            play.proper if play else (),
        )

    def _token(self, name: str) -> str:
        token = self.find(name) or name_token(name)
        if not token:
            raise BadInputError(
                f"{name!r} is not a name", "give names of speakers, separated by commas", parameter="cast"
            )
        return token

    def _play_of(self, names: Sequence[str], random: np.random.Generator) -> Play | None:
        """Return the play in which most of the names speak; of several, and without names, the seed draws one."""
        if not self._plays:
            return None
        shared = [len(set(names).intersection(play.speakers)) for play in self._plays]
        best = [play for play, count in zip(self._plays, shared, strict=True) if count == max(shared)]
        return best[int(random.integers(len(best)))]

    def _strangers(self, asked: Set[str], play: Play) -> frozenset[str]:
        """Return the proper names of all plays but this one, and those of whoever is asked for and is not in it."""
        others = asked - set(play.speakers)
        own = {part for name in (*asked, *play.speakers) for part in name_parts(name)}
        for each in self._plays:
            if each is play or not others.isdisjoint(each.speakers):
                own.update(map(str.casefold, each.proper))
        return frozenset(word for each in self._plays for word in each.proper if word.casefold() not in own)

    def _voices(self, names: Sequence[str], play: Play | None) -> dict[str, str]:
        """Return a speaker of the model for each name that it does not know, those of the play first."""
        unknown = [name for name in dict.fromkeys(names) if self.find(name) is None]
        free = [name for name in dict.fromkeys((*(play.speakers if play else ()), *self.speakers)) if name not in names]
        return dict(zip(unknown, free, strict=False))
