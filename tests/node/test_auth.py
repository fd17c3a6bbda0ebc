"""A Pachyderm with auth: the chart's Secret has the token, and each pipeline's own user may do what its work needs.

The rest of this folder runs on such a server, too, with the same token.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play
from tests.node.access import Administrator, Roles, administrator
from tests.node.conftest import SCRIPTMODEL
from tests.node.engines import Engine
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object

ROOT_TOKEN = os.environ.get("PACHD_ROOT_TOKEN", "")
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not ROOT_TOKEN, reason="PACHD_ROOT_TOKEN is the root token of a PACHD_ADDRESS with auth"),
]

FIRST, SECOND = f"{SCRIPTMODEL}-first", f"{SCRIPTMODEL}-second"
TEXTS = "two-plays"
USER = "stranger"
"""A user without roles."""
THEATRE = "theatre"
"""A project that only its administrator may write."""
TRAINING = 300

Deploy = Callable[[str], None]


@pytest.fixture
def root(pachd: str) -> Iterator[Administrator]:
    with administrator(pachd, ROOT_TOKEN) as found:
        yield found


@pytest.fixture
def deploy(release: Release, engine: Engine, current: Path) -> Iterator[Deploy]:
    """Deploy the operator with a token."""

    def deployed(token: str) -> None:
        Release(release.cluster, engine.values, token).deploy(current)

    yield deployed
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")


@pytest.fixture
def texts(plays: Namespace) -> None:
    """Write the ConfigMap with the corpus."""
    about = {"name": TEXTS, "namespace": plays.namespace}
    data = {"castle.txt": play(60)}
    plays.running.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data})


def spec_of(base: str = "") -> Object:
    model: Object = {"preset": "test"} | ({"from": {"scriptModel": base}} if base else {})
    return {"corpus": {"configMap": {"name": TEXTS}}, "model": model, "generation": {"words": 50}}


def roles_of_pipelines(root: Administrator, pachyderm: Pachyderm) -> dict[str, Roles]:
    """Return the roles of the users of pipelines on each repo where they have any."""
    found = {repo: root.roles(repo) for repo in pachyderm.repos()}
    ours = {
        repo: {who: held for who, held in roles.items() if who.startswith("pipeline:")} for repo, roles in found.items()
    }
    return {repo: roles for repo, roles in ours.items() if roles}


def expected(found: Object) -> dict[str, Roles]:
    """Return the roles that the pipelines of one object need: to read each input, and to write the output."""
    lineage = found["status"]["lineage"]
    corpus, model, script = (place(lineage[part])[0] for part in ("corpus", "model", "script"))
    inputs = [corpus] + ([model.removesuffix("train") + "base"] if "base" in lineage else [])
    train, generate = (f"pipeline:default/{name}" for name in (model, script))
    reads: dict[str, Roles] = {repo: {train: {"repoReader"}} for repo in inputs}
    return reads | {model: {train: {"repoWriter"}, generate: {"repoReader"}}, script: {generate: {"repoWriter"}}}


@pytest.mark.usefixtures("texts")
def test_each_pipeline_may_read_its_inputs_and_write_its_output_and_nothing_else(
    deploy: Deploy, token: str, root: Administrator, plays: Namespace, pachyderm: Pachyderm
) -> None:
    deploy(token)
    plays.apply(FIRST, spec_of())
    first = plays.ready(FIRST, TRAINING)
    script = first["status"]["lineage"]["script"]
    text = pachyderm.read(*place(script), first["status"]["script"]["path"])
    assert text.startswith(first["status"]["script"]["excerpt"][:50])
    plays.apply(SECOND, spec_of(base=FIRST))
    second = plays.ready(SECOND, TRAINING)
    assert roles_of_pipelines(root, pachyderm) == expected(first) | expected(second)
    plays.kubectl("delete", "scriptmodel", SECOND, FIRST, "--timeout=180s")


def expired(root: Administrator) -> str:
    """Return a token that expires before the operator starts, or while it waits for the reason."""
    return root.robot(USER, seconds=1)


def revoked(root: Administrator) -> str:
    token = root.robot(USER)
    root.revoke(token)
    return token


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize(
    ("made", "reason", "message"),
    [
        (lambda _: "", "Refused", "the server requires a token and the operator has none"),
        (expired, "Refused", "the operator's token has expired"),
        (revoked, "Refused", "the server does not know the operator's token, which was revoked or has expired"),
    ],
    ids=["none", "expired", "revoked"],
)
def test_an_object_names_what_is_wrong_with_the_token_and_how_to_make_one(
    deploy: Deploy,
    root: Administrator,
    plays: Namespace,
    made: Callable[[Administrator], str],
    reason: str,
    message: str,
) -> None:
    deploy(made(root))
    plays.apply(FIRST, spec_of() | {"deletionPolicy": "Orphan"})
    plays.reason(FIRST, reason, 60)
    described = plays.kubectl("describe", "scriptmodel", FIRST)
    assert f"{message}: make one with `pachctl auth get-robot-token scriptmodel`" in described
    plays.kubectl("delete", "scriptmodel", FIRST, "--timeout=60s")


@pytest.mark.usefixtures("texts")
def test_an_object_names_the_command_that_grants_the_role_and_continues(
    deploy: Deploy, root: Administrator, plays: Namespace
) -> None:
    deploy(root.robot(USER))
    with root.project(THEATRE):
        plays.apply(FIRST, spec_of() | {"pachyderm": {"project": THEATRE}})
        plays.reason(FIRST, "NotAllowed", 60)
        described = plays.kubectl("describe", "scriptmodel", FIRST)
        assert f"`pachctl auth set project {THEATRE} projectWriter robot:{USER}`" in described
        root.set_roles(USER, "projectWriter", project=THEATRE)
        plays.ready(FIRST, TRAINING)
        plays.kubectl("delete", "scriptmodel", FIRST, "--timeout=180s")
