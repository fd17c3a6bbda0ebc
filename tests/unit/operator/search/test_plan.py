"""Which trials a search has, and what is read of the results."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from scriptmodel_operator.engine.values import LogLine, RepoRef
from scriptmodel_operator.observe.progress import LogDigest, read_line
from scriptmodel_operator.observe.results import Results
from scriptmodel_operator.observe.search import outcomes
from scriptmodel_operator.observe.view import SearchView
from scriptmodel_operator.reconcile.search import with_logs
from scriptmodel_operator.search.declared import Search
from scriptmodel_operator.search.trials import Plan, RunResult, plan, standings, trials
from tests.unit.operator.fake_pachyderm import FakePachyderm

DROPOUT = {"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}
RATE = {"name": "learningRate", "logUniform": {"min": "0.002", "max": "0.02"}}
UNITS = {"name": "vocabularySize", "categorical": {"values": ["200", "300", "400"]}}
EPOCHS = {"name": "epochs", "uniform": {"min": "1", "max": "2"}}


def search(*parameters: dict[str, Any], **fields: Any) -> Search:
    return Search.model_validate({"parameters": list(parameters or (DROPOUT, RATE, UNITS)), **fields})


def planned(spec: Search, seed: int, results: Mapping[str, RunResult]) -> Plan:
    return plan(spec, seed, results)


def trained(found: Plan, results: Mapping[str, RunResult], **outcomes: Any) -> dict[str, RunResult]:
    """Return the results after a job; `t0003=1.5` is the value of trial 3, or `t0003="diverged"` its failure.

    Otherwise a trial with a smaller number is better.
    """
    after = {}
    for name, given in found.runs.items():
        outcome = outcomes.get(f"t{name.replace('.', '_')}", float(name[:4]))
        old = results.get(name)
        if old and old.given == given:
            after[name] = old  # skipped
        elif isinstance(outcome, str):
            after[name] = RunResult(given=given, state="failed", reason=outcome)
        else:
            after[name] = RunResult(given=given, state="complete", value=outcome, perplexity=math.exp(outcome))
    return after


def test_a_spec_always_draws_the_same_trials_and_more_trials_leave_those_before() -> None:
    drawn = trials(search(numTrials=16))
    assert drawn == trials(search(numTrials=200))[:16]
    assert drawn[0] == {"dropout": "0.2108", "learningRate": "0.006287", "vocabularySize": "400"}
    assert all(0.2 <= float(each["dropout"]) <= 0.6 and 0.002 <= float(each["learningRate"]) <= 0.02 for each in drawn)


def test_whole_numbers_are_whole_reach_both_bounds_and_are_drawn_once_where_possible() -> None:
    assert {each["epochs"] for each in trials(search(EPOCHS, numTrials=2))} == {"1", "2"}
    assert len(trials(search(EPOCHS, numTrials=9))) == 9
    size = {"name": "vocabularySize", "logUniform": {"min": "16", "max": "1000000"}}
    assert sum(int(each["vocabularySize"]) < 4000 for each in trials(search(size, numTrials=256))) in range(90, 166)


def test_a_grid_has_all_combinations_in_order_as_many_as_are_requested() -> None:
    rates = {"name": "learningRate", "categorical": {"values": ["1e-3", "0.10"]}}
    found = [tuple(each.values()) for each in trials(search(UNITS, rates, algorithm="grid", numTrials=4))]
    assert found == [("200", "0.001"), ("200", "0.1"), ("300", "0.001"), ("300", "0.1")]
    assert search(UNITS, algorithm="grid").trials == 3
    assert search().trials == 8


def test_a_search_has_a_folder_for_each_seed_of_a_trial() -> None:
    found = planned(search(numTrials=2, repeats=2), 5, {})
    assert list(found.runs) == ["0001.1", "0001.2", "0002.1", "0002.2"]
    assert json.loads(found.runs["0001.2"].text()) == {
        "parameters": {"dropout": "0.2108", "learning_rate": "0.006287", "vocabulary_size": "400"},
        "seed": 6,
    }
    results = trained(found, {}, t0001_1=3.0, t0001_2=1.0, t0002_1="killed", t0002_2=1.5)
    after = planned(search(numTrials=2, repeats=2), 5, results)
    assert (after.finished, after.winner, after.failure) == (True, "0002.2", "")
    assert planned(search(numTrials=3, repeats=2), 5, results).runs.items() > after.runs.items()


@pytest.mark.parametrize("fields", [{"algorithm": "grid"}, {"algorithm": "grid", "numTrials": 2}, {"numTrials": 2}])
def test_two_notations_of_a_number_are_one_value(fields: dict[str, Any]) -> None:
    rates = {"name": "learningRate", "categorical": {"values": ["0.1", "0.10"]}}
    found = search(rates, **fields)
    assert (found.trials, trials(found)) == (1, [{"learningRate": "0.1"}])


def test_a_search_fails_when_all_of_its_trials_fail() -> None:
    failed = {"t0001": "diverged", "t0002": "killed"}
    for count, failure, winner in ((2, "all 2 trials failed (trial 1: diverged)", ""), (3, "", "0003")):
        spec = search(numTrials=count)
        found = planned(spec, 0, trained(planned(spec, 0, {}), {}, **failed))
        assert (found.failure, found.winner) == (failure, winner)


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"state": "won"}',
    b'{"state": ["complete"]}',
    b'{"state": "complete", "value": "' + b"9" * 1024 * 1024,
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: content[:20].decode(errors="replace"))
def test_a_run_without_a_valid_record_has_failed(content: bytes) -> None:
    assert _read({"/0001/trial.json": content, "/0001/model/weights.h5": b""}).state == "failed"
    assert _read({}).reason == "error"


def test_figures_that_make_no_sense_are_left_out_of_a_record() -> None:
    record = {"state": "failed", "reason": {"a": 1}, "message": "a\x1b[31mb\n" * 999, "epochs": 1e300, "value": "best"}
    found = _read({"/0001/trial.json": json.dumps(record).encode()})
    assert (found.state, found.reason, found.epochs, found.value) == ("failed", "error", None, None)
    assert found.message.startswith("ab ab")
    assert len(found.message) <= 1000


@pytest.mark.parametrize(
    ("figures", "cause"),
    [
        ({"value": 0}, "value 0"),
        ({"value": 1e-300, "perplexity": 9.0}, "value 1e-300"),
        ({"perplexity": 0.0}, "perplexity 0"),
        ({"perplexity": 0.9}, "perplexity 0.9"),
        ({"perplexity": -5}, "perplexity -5"),
        ({"perplexity": math.nan}, "perplexity nan"),
    ],
)
def test_a_run_with_a_figure_that_no_model_reaches_has_failed(figures: dict[str, float], cause: str) -> None:
    found = _read({"/0001/trial.json": json.dumps({"state": "complete", **figures}).encode()})
    assert (found.state, found.reason, found.value, found.perplexity) == ("failed", "error", None, None)
    assert found.message.startswith(f"it reports {cause}, which no model reaches")


def test_a_leaderboard_shows_the_runs_of_the_log() -> None:
    spec = search(numTrials=4)
    results = trained(planned(spec, 0, {}), {}, t0001="diverged")
    del results["0003"], results["0004"]
    log = LogDigest()
    for event in (
        {"event": "start", "trial": "0003", "epochs": 8},
        {"event": "epoch", "trial": "0003", "epoch": 5, "valid_perplexity": 90.0},
        {"event": "progress", "trial": "0003", "epoch": 6, "fraction": 0.5},
        {"event": "start", "trial": "0004", "epochs": 8},
        {"event": "trial", "trial": "0004", "state": "complete", "value": 1.5, "perplexity": 80.0, "epochs": 8},
        {"event": "trial", "trial": "0003", "state": "won"},
        {"event": "trial", "trial": "9" * 99, "state": "complete"},
    ):
        log = read_line(log, LogLine(json.dumps(event)))
    logged = with_logs(SearchView(planned(spec, 0, results), results), log.runs)
    shown = standings(spec, 0, logged)
    assert [(each.trial, each.state, each.perplexity, each.epochs, each.epochs_total) for each in shown] == [
        (4, "complete", 80.0, 8, None),
        (2, "complete", pytest.approx(math.exp(2)), None, None),
        (3, "running", 90.0, 6, 8),
        (1, "failed", None, None, None),
    ]
    assert (log.progress.epoch, log.progress.epochs) == (0, 0)


def _read(output: dict[str, bytes]) -> RunResult:
    """Return the result of the only trial."""
    pachyderm, (repo, made) = FakePachyderm(), (RepoRef("default", "trials"), RepoRef("default", "train"))
    given = planned(search(numTrials=1), 0, {}).runs["0001"]
    pachyderm.files[repo, "a"] = {
        "/0001/trial.json": given.text(),
        "/trial.json": b"",
    }
    pachyderm.files[made, "b"] = output
    found = outcomes(Results(pachyderm, lambda: 1), (repo, "a"), (made, "b"))
    assert {folder: result.given for folder, result in found.items()} == {"0001": given}
    return found["0001"]
