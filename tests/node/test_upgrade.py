"""An upgrade from the version before, made from its commit, to this one, with a training in progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.cluster.runtime import Runtime, load
from dev.images.project import image
from dev.release import previous
from tests.integration.texts import play
from tests.node.engines import Engine
from tests.node.release import Release, chart_of
from tests.node.running import Namespace, Object, Person, Running, lasting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]  # the first run builds images

TRAINED, TRAINING = "trained", "training"
LONG = {"preset": "small", "overrides": {"epochs": 40}, "seed": 7}
"""Trains for longer than two operators need to be replaced."""


def progress(namespace: Namespace) -> int:
    return int(namespace.get(TRAINING).get("status", {}).get("training", {}).get("progressPercent", 0))


def settled(found: Object) -> Object:
    """Return what is constant, but for when Ready became true: the release's S3 server is away while it is replaced."""
    conditions = [{**each, "lastTransitionTime": ""} for each in found["status"]["conditions"]]
    return {**lasting(found), "conditions": conditions}


def test_an_upgrade_leaves_a_training_in_progress_alone_and_retrains_nothing(
    release: Release,
    current: Path,
    plays: Namespace,
    writer: Person,
    cluster: Running,
    engine: Engine,
    runtime: Runtime,
    tmp_path: Path,
) -> None:
    before = previous.build()
    load(runtime, previous.archives(before))
    release.deploy(chart_of(previous.VERSION, tmp_path, before / "charts" / "scriptmodel-operator"))
    assert release.images() == {f"scriptmodel-operator:{previous.VERSION}"}
    for name, scenes, model in ((TRAINED, 60, {"preset": "test"}), (TRAINING, 600, LONG)):
        writer.push({"castle.txt": play(scenes)}, name)
        plays.apply(name, {"corpus": {"repo": {"name": name}}, "model": model, "generation": {"words": 50}})
    plays.ready(TRAINED, 600)
    trained = plays.looked_at_anew(TRAINED, "2026-01-01T00:00:00Z")
    cluster.until("the training is in progress", lambda: 0 < progress(plays) < 60, 400)

    release.deploy(current)
    cluster.until("two pods of the new version", release.is_whole)
    assert release.images() == {f"scriptmodel-operator:{image('operator').version}"}
    in_progress = plays.get(TRAINING)
    assert not in_progress["status"].get("script"), "the training ended before the upgrade did"
    after = plays.looked_at_anew(TRAINED, "2026-01-02T00:00:00Z")
    assert after["metadata"]["uid"] == trained["metadata"]["uid"]
    assert after["spec"] == trained["spec"]
    assert settled(after) == settled(trained)
    found = plays.ready(TRAINING, 900)
    assert engine.trained(found) == 1
    assert found["status"]["training"].get("restarts", 0) == 0
