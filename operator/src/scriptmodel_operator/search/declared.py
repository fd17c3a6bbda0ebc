"""Declares search in the API: `spec.search`, and `status.search` with how far it is and its best trials."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from scriptmodel_operator.api.durations import DECIMAL_PATTERN
from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, Rule, decimal, rules
from scriptmodel_operator.api.network import AUTO_PRESET, Overrides
from scriptmodel_operator.api.schema import structural_schema

MAX_TRIALS = 256
TOP_TRIALS = 10
MAX_PARAMETERS = 4
_MAX_VALUES = 64
_USUAL_TRIALS = 8
_SETTINGS: Mapping[str, Mapping[str, Any]] = structural_schema(Overrides)["properties"]
WHOLE = frozenset(name for name, field in _SETTINGS.items() if field["type"] == "integer")
"""Parameters whose values are whole numbers."""
_WHOLE_PATTERN = r"^(0|[1-9][0-9]{0,6})$"
_VALUES = (
    "(has(self.categorical) ? self.categorical.values : has(self.uniform) ? [self.uniform.min, self.uniform.max]"
    " : has(self.logUniform) ? [self.logUniform.min, self.logUniform.max] : [])"
)
_KINDS = ("uniform", "logUniform", "categorical")
_ALL_CATEGORICAL = "self.parameters.all(p, has(p.categorical))"
_COMBINATIONS = " * ".join(
    f"(self.parameters.size() > {index} ? self.parameters[{index}].categorical.values.size() : 1)"
    for index in range(MAX_PARAMETERS)
)


def _allowed_values(name: str, field: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the rules of a setting: its values in a search are those that it may have in spec.model.overrides."""
    if name in WHOLE:
        least, most = field["minimum"], field["maximum"]
        cel = f"v.matches(r'{_WHOLE_PATTERN}') && int(v) >= {least} && int(v) <= {most}"
        found = [(cel, f"{name} must be whole numbers from {least} to {most}")]
    else:
        given = field["x-kubernetes-validations"]
        found = [(each["rule"].replace("self", "v"), f"{name} {each['message']}") for each in given]
    for cel, message in found:
        yield f"self.name != '{name}' || {_VALUES}.all(v, {cel})", message


_ONE_KIND = (
    f"[{', '.join(f'has(self.{kind})' for kind in _KINDS)}].filter(given, given).size() == 1",
    f"give a parameter exactly one of {', '.join(_KINDS)}",
)
_ALLOWED = [rule for name, field in _SETTINGS.items() for rule in _allowed_values(name, field)]
_MIN_BELOW_MAX = (
    f"![self.min, self.max].all(v, v.matches(r'{DECIMAL_PATTERN}')) || double(self.min) < double(self.max)",
    "min must be below max",
)
_EACH_ONCE = ("self.all(p, self.exists_one(q, q.name == p.name))", "each parameter must have a name of its own")
_GRID = (f"self.algorithm != 'grid' || {_ALL_CATEGORICAL}", "a grid needs categorical parameters: list the values")
_ENOUGH = (
    f"!has(self.numTrials) || !{_ALL_CATEGORICAL} || self.numTrials <= {_COMBINATIONS}",
    "numTrials must not be more than the combinations of all values",
)
_BUSY = (
    f"self.parallelTrials <= self.repeats * (has(self.numTrials) ? self.numTrials : {_USUAL_TRIALS})",
    "parallelTrials must not be more than numTrials x repeats",
)
_NAMES_PRESET = (
    f"!has(self.search) || self.model.preset != '{AUTO_PRESET}'",
    "search needs a preset to vary: auto chooses by corpus and minutes, so name another spec.model.preset",
)
_OR_OVERRIDE = (
    "!has(self.search) || !has(self.model.overrides) || self.search.parameters.all(p, !({}))".format(
        " || ".join(f"p.name == '{name}' && has(self.model.overrides.{name})" for name in _SETTINGS)
    ),
    "a parameter of search must not be in model.overrides, too: remove it from one of them",
)
SEARCH_RULES = (_NAMES_PRESET, _OR_OVERRIDE)
"""Rules of the whole spec."""


class Bounds(ApiModel):
    """A range of numbers, each equally likely."""

    model_config = ConfigDict(json_schema_extra=rules(_MIN_BELOW_MAX))

    min: Annotated[str, decimal(), AS_DECIMAL]
    """Least value."""
    max: Annotated[str, decimal(), AS_DECIMAL]
    """Greatest value."""


class LogBounds(Bounds):
    """A range of positive numbers, each order of magnitude equally likely."""

    min: Annotated[str, decimal(above=0), Field(pattern="^[0.]*[1-9]"), AS_DECIMAL]
    """Least value, above 0."""


class Choices(ApiModel):
    """A list of values, each equally likely."""

    values: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=12), AS_DECIMAL]],
        Field(min_length=1, max_length=_MAX_VALUES),
        AfterValidator(lambda values: list(dict.fromkeys(values))),
    ]
    """The values, as texts."""


class Parameter(ApiModel):
    """A hyperparameter that the trials differ in: exactly one of uniform, logUniform and categorical."""

    model_config = ConfigDict(json_schema_extra=rules(_ONE_KIND, *_ALLOWED))

    name: Annotated[str, Field(json_schema_extra={"enum": list(_SETTINGS)})]
    """Name of a field of spec.model.overrides."""
    uniform: Bounds | None = None
    """A range of numbers, each equally likely."""
    log_uniform: LogBounds | None = None
    """A range of positive numbers, each order of magnitude equally likely."""
    categorical: Choices | None = None
    """A list of values, each equally likely."""


class Search(ApiModel):
    """Many trainings with different hyperparameters, the best of which writes the script."""

    model_config = ConfigDict(json_schema_extra=rules(_GRID, _ENOUGH, _BUSY))

    parameters: Annotated[
        list[Parameter], Field(min_length=1, max_length=MAX_PARAMETERS, json_schema_extra=rules(_EACH_ONCE))
    ]
    """The hyperparameters that the trials differ in."""
    algorithm: Literal["random", "grid"] = "random"
    """random draws values, grid takes all combinations in order."""
    num_trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] | None = None
    """Number of trials. Absent: 8, or all combinations if there are fewer."""
    parallel_trials: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of trials trained at the same time, each on a worker with the resources of spec.training."""
    repeats: Annotated[int, Field(ge=1, le=10)] = 1
    """Seeds that each trial is trained with; trials are compared by the mean."""

    @property
    def trials(self) -> int:
        choices = (each.categorical for each in self.parameters)
        combinations = math.prod(len(each.values) if each else math.inf for each in choices)
        return int(min(self.num_trials or _USUAL_TRIALS, combinations))


def _shown(form: str) -> BeforeValidator:
    """Return a validator that writes numbers in a form, and leaves out empty text."""
    return BeforeValidator(lambda value: format(value, form) if isinstance(value, int | float) else value or None)


class TrialStatus(ApiModel):
    """One trial."""

    trial: Annotated[str | None, _shown("04")] = None
    """Number of the trial, such as 0007: the name of its folder in Pachyderm."""
    state: str | None = None
    """waiting, running, complete or failed."""
    parameters: dict[str, str] | None = None
    """The values of its parameters."""
    perplexity: Annotated[str | None, _shown(".1f")] = None
    """Lowest validation perplexity so far, the mean of its repeats."""
    value: Annotated[str | None, _shown(".4f")] = None
    """Nats per character of the validation text, which the search minimises; the mean of its repeats."""
    epochs: int | None = None
    """Finished epochs."""
    reason: Annotated[str | None, _shown("")] = None
    """Why it failed: diverged, out-of-memory, bad-input, killed or error."""


class SearchStatus(ApiModel):
    """The search of the present spec on the newest corpus commit."""

    algorithm: str | None = None
    """grid or random."""
    trials: dict[str, int] = Field(default_factory=dict)
    """Number of trials: total, waiting, running, complete and failed."""
    completed: str | None = None
    """Trials that have ended, and all trials, such as 5/16."""
    progress_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Part of the training that is done, in percent."""
    top: Annotated[list[TrialStatus], Field(max_length=TOP_TRIALS)] = Field(default_factory=list)
    """The ten best trials, best first."""
    gpu_seconds: int | None = None
    """GPU seconds of all trials."""
    seconds: int | None = None
    """Seconds of training, the sum of all trials."""
    eta_seconds: int | None = None
    """Estimated seconds until the search is done."""


def best_trial(search: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first trial of status.search on the wire; empty until it has a perplexity, or if all failed."""
    first: Mapping[str, Any] = next(iter(search.get("top") or ()), {})
    return first if first.get("perplexity") and first["state"] != "failed" else {}
