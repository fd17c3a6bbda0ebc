"""The output of `scriptmodel list` and `scriptmodel status`."""

from typing import Any

import click

from scriptmodel_cli import text
from scriptmodel_cli.diagnosis import diagnosis as why
from scriptmodel_cli.output import style
from scriptmodel_cli.screen import line_of, screen_of
from tests.unit.operator.terminal import CREATED, as_object, plain, training_world
from tests.unit.operator.world import World, trained_world


def table(found: dict[str, Any], *cells: str | None) -> dict[str, Any]:
    """Return a table as the API server makes one of an object."""
    columns = [("Name", 0), ("Status", 0), ("Message", 1)]
    return {
        "columnDefinitions": [{"name": name, "priority": priority} for name, priority in columns],
        "rows": [{"cells": [found["metadata"]["name"], *cells], "object": found}],
    }


def test_a_list_is_the_table_of_the_api_server_with_colours_and_namespaces() -> None:
    listed = table(as_object(trained_world()), "Generated", "the script\nis written")
    assert plain(text.list_of(listed, namespaces=True)).split() == [
        "NAMESPACE",
        "NAME",
        "STATUS",
        "ml",
        "thrones",
        "Generated",
    ]
    head, row = text.list_of(listed, namespaces=False, wide=True)
    assert (head.split(), row.split("   ")[-1]) == (["NAME", "STATUS", "MESSAGE"], "the script is written")
    assert style("Generated", fg="green") in row


def test_an_object_that_no_operator_has_seen_is_pending_in_a_list() -> None:
    listed = table({"metadata": {"name": "new", "generation": 1}}, None, None)
    assert plain(text.list_of(listed, namespaces=False)).split() == ["NAME", "STATUS", "new", "Pending"]


def test_columns_are_aligned_with_any_colour() -> None:
    rows = [("A", "B"), (style("long", fg="red"), "x"), ("b", "y")]
    assert [click.unstyle(line) for line in text.table(rows)] == ["A      B", "long   x", "b      y"]


def test_ready_is_green_stuck_is_red_and_work_is_yellow() -> None:
    stuck = World()
    stuck.reconcile()
    for world, colour in ((trained_world(), "green"), (stuck, "red"), (training_world(), "yellow")):
        found = as_object(world)
        assert text.coloured(found, "word") == style("word", fg=colour)


def test_a_status_shows_training_lineage_and_script() -> None:
    world = trained_world()
    found = as_object(world)
    found["status"]["lineage"]["base"] = "en"
    reported = plain(screen_of(found, CREATED))
    assert "base         en\n" in reported
    assert "100%  epoch 1/1  5,000 words/s" in reported
    assert "best 170.0, test 160.0, validation 170.0, training 150.0" in reported
    assert world.model.status["lineage"]["corpus"].partition("@")[2][:8] in reported
    assert "[ JON ]: You know nothing ." in reported


def test_a_status_shows_the_preset_and_what_auto_chose() -> None:
    found = as_object(trained_world())
    assert "thrones   preset test, 0s old" in plain(screen_of(found, CREATED))
    found["spec"]["model"]["preset"] = "auto"
    found["status"]["training"]["preset"] = "tuned"
    assert "thrones   preset auto (tuned), 0s old" in plain(screen_of(found, CREATED))


def test_a_status_shows_the_temperature_and_the_verdict_of_the_script() -> None:
    found = as_object(trained_world())
    assert "temperature" not in plain(screen_of(found, CREATED))
    found["status"]["script"] |= {"temperature": "0.9", "score": {"form": "a loop", "sense": "fair"}}
    assert "words, written at temperature 0.9, form a loop, sense fair. It begins:" in plain(screen_of(found, CREATED))


def test_a_status_of_a_training_shows_progress_and_time_to_go() -> None:
    world = training_world()
    reported = plain(screen_of(as_object(world), CREATED))
    assert f"{'█' * 12}{'░' * 8} 62%  epoch 3/4  12,345 words/s  1m40s to go" in reported
    assert "time         0s so far" in reported
    assert max(map(len, reported.splitlines())) <= 80, "a terminal of the usual width cuts nothing"


def test_a_status_names_each_perplexity_and_shows_the_sample() -> None:
    found = as_object(training_world())
    found["status"]["training"] |= {
        "perplexity": {"best": "90.0", "valid": "91.5", "running": "70.2", "train": "80.0"},
        "sample": "[ JON ]: You know\nnothing.",
    }
    reported = plain(screen_of(found, CREATED))
    assert "perplexity   best 90.0, validation 91.5, training 80.0, running 70.2" in reported
    assert "sample       [ JON ]: You know nothing." in reported
    line = line_of(found)
    assert "62%  epoch 3/4  12,345 words/s  1m40s to go  perplexity best 90.0, validation 91.5, training 80.0" in line
    assert line.endswith("  sample: [ JON ]: You know nothing.")


def test_a_line_of_a_change_has_progress_while_it_trains_and_the_message_else() -> None:
    line = click.unstyle(line_of(as_object(training_world())))
    assert line.split()[:7] == ["Training", "62%", "epoch", "3/4", "12,345", "words/s", "1m40s"]
    stuck = World()
    stuck.reconcile()
    assert "corpus repo default/plays does not exist" in line_of(as_object(stuck))


def test_an_outdated_status_is_marked_as_outdated() -> None:
    found = as_object(trained_world())
    found["metadata"]["generation"] = 2
    assert "has not observed the newest spec yet" in "\n".join(screen_of(found, CREATED))
    assert "older spec" in why(found, CREATED)[0]
