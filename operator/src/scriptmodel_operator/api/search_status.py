"""`status.search`: how far a search is, and its best trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from scriptmodel_operator.api.fields import ApiModel

TOP_TRIALS = 10


def _shown(form: str) -> BeforeValidator:
    """Return a validator that writes numbers in a form, and leaves out empty text."""
    return BeforeValidator(lambda value: format(value, form) if isinstance(value, int | float) else value or None)


class TrialStatus(ApiModel):
    """One trial."""

    trial: Annotated[str | None, _shown("04")] = None
    """Number of the trial, such as 0007: the name of its folder in Pachyderm."""
    state: str | None = None
    """waiting, running, paused, complete or failed."""
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
    """grid, random or halving."""
    round: int | None = None
    """Current round of halving; other algorithms have one."""
    rounds: int | None = None
    """Number of rounds."""
    trials: dict[str, int] = Field(default_factory=dict)
    """Number of trials: total, waiting, running, paused (at the end of a round of halving), complete and failed."""
    completed: str | None = None
    """Trials that have ended, and all trials, such as 5/16."""
    progress_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Part of the training that is done, in percent."""
    top: Annotated[list[TrialStatus], Field(max_length=TOP_TRIALS)] = Field(default_factory=list)
    """The ten best trials, best first; `scriptmodel search` lists all."""
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
