"""Training that starts from a model, on a real Pachyderm: the copy between repos, and the second input of the pod."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cluster import is_ready
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play
from tests.node.conftest import SCRIPTMODEL
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif("PACHD_ADDRESS" not in os.environ, reason="tests/integration has it for localpach"),
]

FIRST, OF_OBJECT, OF_REPO = (f"{SCRIPTMODEL}-{name}" for name in ("first", "of-object", "of-repo"))
TRAINING = 300


@pytest.fixture
def corpus(pachyderm: Pachyderm, release: Release, current: Path, plays: Namespace) -> Iterator[str]:
    """A repo with a play; the operator runs. With objects left, the release would not be uninstalled."""
    release.deploy(current)
    yield pachyderm.corpus({"castle.txt": play(60)})
    plays.kubectl("delete", "scriptmodels", "--all", "--timeout=180s")
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")


def spec_of(corpus: str, base: Object | None = None) -> Object:
    model: Object = {"preset": "test"} | ({"from": base} if base else {})
    return {"corpus": {"repo": {"name": corpus}}, "model": model, "generation": {"words": 50}}


def read_base(pachyderm: Pachyderm, found: Object) -> Any:
    """What the trainer found in /pfs/base."""
    made = found["status"]["lineage"]["model"]
    return json.loads(pachyderm.read(*place(made), "/model.json"))["base"]


def test_models_are_copied_read_and_reported(corpus: str, plays: Namespace, pachyderm: Pachyderm) -> None:
    warm = {**spec_of(corpus), "training": {"warmStart": True}}
    plays.apply(FIRST, warm)
    first = plays.ready(FIRST, TRAINING)["status"]["lineage"]["model"]
    plays.apply(OF_OBJECT, spec_of(corpus, {"scriptModel": FIRST}))
    plays.apply(OF_REPO, spec_of(corpus, {"repo": {"name": place(first)[0]}}))
    for name in (OF_OBJECT, OF_REPO):
        found = plays.ready(name, TRAINING)
        assert found["status"]["lineage"]["base"] == first
        assert read_base(pachyderm, found)["digest"]
    pachyderm.put(corpus, {"lear.txt": play(61, "The Heath")})
    grown = pachyderm.head(corpus)

    def learned(each: Object) -> bool:
        lineage = each["status"]["lineage"]
        return is_ready(each) and lineage["corpus"].partition("@")[2] == grown and "base" in lineage

    found = plays.wait_for(FIRST, learned, TRAINING)
    assert found["status"]["lineage"]["base"] == first
    assert read_base(pachyderm, found)["digest"]
    plays.kubectl("delete", "scriptmodels", "--all", "--timeout=180s")
    left = set(pachyderm.pipelines()) | pachyderm.repos()
    assert not [name for name in left if name.startswith(f"{SCRIPTMODEL}-")]
