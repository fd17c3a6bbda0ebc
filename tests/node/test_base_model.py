"""Training that starts from a model: the copy between repos, and the second input of the pod."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.pachyderm import place
from tests.integration.texts import play
from tests.node.conftest import SCRIPTMODEL
from tests.node.engines import Engine
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object, Person

pytestmark = pytest.mark.timeout(900)

FIRST, OF_OBJECT, OF_REPO = (f"{SCRIPTMODEL}-{name}" for name in ("first", "of-object", "of-repo"))
TRAINING = 300


@pytest.fixture
def corpus(writer: Person, release: Release, current: Path, plays: Namespace) -> Iterator[str]:
    """A repo with a play; the operator runs. With objects left, the release would not be uninstalled."""
    release.deploy(current)
    yield writer.push({"castle.txt": play(60)})
    plays.kubectl("delete", "scriptmodels", "--all", "--timeout=180s")
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")


def spec_of(corpus: str, base: Object | None = None) -> Object:
    model: Object = {"preset": "test"} | ({"from": base} if base else {})
    return {"corpus": {"repo": {"name": corpus}}, "model": model, "generation": {"words": 50}}


def read_base(writer: Person, name: str) -> bool:
    """Whether the trainer found a model in /pfs/base."""
    return ">base</th>" in writer.scriptmodel("report", name)


def test_models_are_copied_read_and_reported(corpus: str, plays: Namespace, writer: Person, engine: Engine) -> None:
    plays.apply(FIRST, spec_of(corpus))
    first = plays.ready(FIRST, TRAINING)["status"]["lineage"]["model"]
    plays.apply(OF_OBJECT, spec_of(corpus, {"scriptModel": FIRST}))
    plays.apply(OF_REPO, spec_of(corpus, {"repo": {"name": place(first)[0].rpartition("/")[2]}}))
    for name in (OF_OBJECT, OF_REPO):
        assert plays.ready(name, TRAINING)["status"]["lineage"]["base"] == first
        assert read_base(writer, name)
    plays.kubectl("delete", "scriptmodels", "--all", "--timeout=180s")
    assert not [name for name in engine.names() if name.startswith(f"{SCRIPTMODEL}-")]
