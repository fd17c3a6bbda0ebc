"""helm as the tests drive it, in a home of its own."""

import functools
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dev.generate.chart import CHART, NAMESPACE
from dev.programs.built import helm

Object = dict[str, Any]
Values = Mapping[str, Any]

RELEASE = "scriptmodel-operator"
PACHD: Object = {"pachd": {"address": "pachd.default.svc:30650"}}
"""What the tests set besides their own values, so that each object is there once."""
OWN_BUCKET: Object = {"pachd": {"address": ""}}
"""The default: Jobs, and the chart's S3 server."""
BUCKET: Object = {**OWN_BUCKET, "storage": {"url": "s3://scripts/team-a"}}
"""Jobs, and a bucket that somebody has."""
_SECRETS = re.compile(r'(?m)^  (AWS_\w+): "\w+=*"$')


@functools.cache
def home() -> Path:
    """Return helm's own folder, which the tests of a worker share; the last of them deletes it."""
    return Path(tempfile.mkdtemp(prefix="helm-"))


def command(*words: str) -> list[str]:
    return [str(helm()), *words]


def environment(kubeconfig: Path | None = None) -> dict[str, str]:
    """Nothing of the person's own helm, and no cluster unless one is given."""
    homes = {f"HELM_{name}_HOME": str(home() / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return {**os.environ, **homes, "KUBECONFIG": str(kubeconfig or home() / "none")}


def run_helm(*words: str, kubeconfig: Path | None = None, values: Values | None = None) -> Any:
    """Run helm; the caller checks its exit status."""
    given = [*words, "--values=-"] if values is not None else list(words)
    text = json.dumps(values)
    env = environment(kubeconfig)
    return subprocess.run(command(*given), env=env, input=text, capture_output=True, text=True, check=False)


def rendered(values: Values | None = None, release: str = RELEASE) -> str:
    """Text of all objects, with a pachd unless the values say otherwise; AssertionError where helm refuses."""
    return _rendered(json.dumps(merged(PACHD, dict(values or {})), sort_keys=True), release)


@functools.cache
def _rendered(values: str, release: str) -> str:
    done = run_helm("template", release, str(CHART), f"--namespace={NAMESPACE}", values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return _SECRETS.sub(r"  \1: dG9rZW4=", str(done.stdout))  # each rendering makes others


def objects(values: Values | None = None, release: str = RELEASE) -> list[Object]:
    return [each for each in yaml.load_all(rendered(values, release), Loader=yaml.CSafeLoader) if each]


def only(kind: str, found: list[Object], name: str = "") -> Object:
    """The one object of that kind (and name)."""
    (one,) = (each for each in found if each["kind"] == kind and name in ("", each["metadata"]["name"]))
    return one


def kinds(values: Values | None = None) -> set[str]:
    return {each["kind"] for each in objects(values)}


def operator_container(values: Values | None = None) -> Object:
    deployments = [each for each in objects(values) if each["kind"] == "Deployment"]
    ((container,),) = (
        each["spec"]["template"]["spec"]["containers"]
        for each in deployments
        if each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"
    )
    return dict(container)


def refusal(values: Values) -> str:
    """Return helm's message for values that it refuses."""
    done = run_helm("template", RELEASE, str(CHART), values=values)
    assert done.returncode != 0, f"{values} were taken"
    return str(done.stderr)


def nested(path: str, value: Any) -> Object:
    """Return {a: {b: 1}} for `a.b` and 1."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def merged(base: Values, more: Values) -> Object:
    """Merge values like helm: mappings recursively, everything else is replaced."""
    result = dict(base)
    for key, value in more.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
