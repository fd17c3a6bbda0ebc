"""Validated options of the train command; flags override environment variables."""

import argparse
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from scriptmodel_trainer.artifacts import bases
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.requests import Request, request_from
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.model.presets import AUTO, PRESETS, Preset
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.records import SCENES, Choice
from scriptmodel_trainer.training.auto import choose, minutes_from, preset_of
from scriptmodel_trainer.training.fine_tuning import BaseModel, load_base, preset_after, require_layout

_STATE = "SCRIPTMODEL_STATE_DIR"
_GPU_REQUESTED, _GPU_REQUIRED = "SCRIPTMODEL_GPU_REQUESTED", "SCRIPTMODEL_GPU_REQUIRED"
_REQUEST = "SCRIPTMODEL_REQUEST"
_BUDGET = "SCRIPTMODEL_BUDGET_SECONDS"
_KNOWN = 0.9  # share of a text's words; plays in old spelling have fewer words of a base of modern ones
_ENOUGH = 1.0  # minutes


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The train command's options, checked."""

    data: Sequence[Path]
    out: Path
    layout: str = "auto"
    preset_name: str = AUTO
    preset: Preset = PRESETS["tuned"]
    """What is trained; of `auto` until the corpus is read what overrides are checked with."""
    seed: int = 0
    checkpoint_seconds: float = 30.0
    state: Path | None = None
    budget: float = math.inf
    gpu_requested: bool = False
    gpu_required: bool = False
    base: BaseModel | None = None
    installed: tuple[str, ...] = ()
    """Names of bases, of which one in the language of the corpus is chosen once that is read."""
    split: str | None = SCENES
    """What stays together in a split; None: `auto` decides by the number of files."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    minutes: float | None = None
    """What `auto` chooses for."""
    usual: float | None = None
    """The minutes where none are given: with a base that knows the words one is enough."""
    auto: Choice | None = None
    """What `auto` chose; known once the corpus is read."""
    request: Request | None = None
    """The script that is to be written: checked once the corpus is read. It changes nothing of the model."""

    def __post_init__(self) -> None:
        """Raise BadInputError if the state would be in the model directory."""
        if self.state is not None and os.path.realpath(self.state) == os.path.realpath(self.out):
            raise BadInputError(f"--state {self.state} is the model directory", "give the state a folder of its own")

    @property
    def known_words(self) -> int:
        """Number of words that the base knows, 0 without one."""
        return len(self.base.model.vocabulary) if self.base else 0

    def chosen(self, train: Ids, lexicon: Sequence[str]) -> Self:
        """Return the options with what `auto` chooses for this training text; themselves for any other preset.

        With a base they are its own. Without one it is an installed base in the language of the text, if there is one,
        else a preset for its length and words.
        """
        if self.preset_name != AUTO:
            return self
        found = None if self.base else bases.best_for(self.installed, train, lexicon)
        if base := load_base(found) if found else self.base:
            knows = bases.share_of(base.model.vocabulary.words, train, lexicon, None) >= _KNOWN
            minutes = self.minutes or (_ENOUGH if knows else self.usual)
            name, preset = preset_after(base, None, self.overrides, len(train), minutes)
            return dataclasses.replace(self, base=base, preset_name=name, preset=preset)
        choice = choose(len(train), self.minutes or self.usual)
        preset = presets.with_overrides(preset_of(choice), self.overrides)
        return dataclasses.replace(self, preset_name=choice.preset, preset=preset, auto=choice)


def options_from(parsed: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> TrainOptions:
    """Return the options of a command line; flags override environment variables. BadInputError names what is wrong."""
    if not 0 <= parsed.seed < 2**31:
        raise BadInputError(f"--seed {parsed.seed} must lie between 0 and {2**31 - 1}", parameter="seed")
    if not parsed.checkpoint_seconds >= 0:  # NaN is not either
        raise BadInputError(f"--checkpoint-seconds {parsed.checkpoint_seconds:g} must not be negative")
    state = parsed.state or (Path(environment[_STATE]) if environment.get(_STATE) else None)
    overrides, start = _overrides(parsed), bases.found_as(parsed.base, parsed.data) if parsed.base else parsed.start
    base, name = load_base(start) if start else None, parsed.preset or AUTO
    if base:
        require_layout(base, parsed.layout)
        _, preset = preset_after(base, None if name == AUTO else name, overrides)  # checked at once, too
    else:
        # Until the corpus is read, tuned stands for what auto will choose: overrides are checked at once.
        preset = presets.with_overrides(presets.preset_named("tuned" if name == AUTO else name), overrides)
    required = environment.get(_GPU_REQUIRED) == "1"
    return TrainOptions(
        **{same: getattr(parsed, same) for same in ("data", "out", "layout", "seed", "checkpoint_seconds")},
        preset_name=name,
        preset=preset,
        state=state,
        budget=_budget(parsed.budget_seconds, environment),
        gpu_requested=required or environment.get(_GPU_REQUESTED) == "1",
        gpu_required=required,
        base=base,
        split=parsed.split or _split(name, base),
        overrides=overrides,
        minutes=minutes_from(parsed.minutes, parsed.preset),
        request=request_from(environment[_REQUEST], _REQUEST) if environment.get(_REQUEST) else None,
    )


def _split(preset: str, base: BaseModel | None) -> str | None:
    """Return what stays together in a split where that is not requested: a base's text must not be held out later."""
    if base:
        return base.model.origin.corpus.split
    return None if preset == AUTO else SCENES


def _overrides(parsed: argparse.Namespace) -> dict[str, str]:
    """Return the values of `--set key=value ...` by their keys."""
    overrides = {}
    for setting in parsed.settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise BadInputError(f"--set {setting!r} is not key=value", parameter="set")
        presets.require_key(key.strip())
        overrides[key.strip()] = value.strip()
    return overrides


def _budget(flag: str | None, environment: Mapping[str, str]) -> float:
    """Return the seconds that a training may take, infinite without a limit."""
    text, origin = (environment.get(_BUDGET), _BUDGET) if flag is None else (flag, "--budget-seconds")
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (seconds > 0 and math.isfinite(seconds)):
        raise BadInputError(f"{origin}={text[:40]} is not a number of seconds above 0", parameter="budget")
    return seconds
