"""Generates files from the chart: manifests, the table of values and the schema's descriptions.

`python -m dev.generate.chart` writes them; with `--check` it only names those that are out of date.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dev.generate import pages
from dev.paths import ROOT
from dev.programs.built import helm
from dev.programs.gobuild import BuildError, say

CHART = ROOT / "charts" / "scriptmodel-operator"
SCHEMA = CHART / "values.schema.json"
MANIFESTS = ROOT / "manifests"
NAMESPACE = "scriptmodel-system"
RELEASE = "scriptmodel-operator"
VALUES = ("--set=pachd.address=pachd.default.svc:30650", "--set=watchNamespaces={default}")
"""Plain manifests are for a Pachyderm, and for the samples, which are applied in the namespace `default`."""
TEMPLATES = {
    "rbac.yaml": ("serviceaccount", "rbac", "rbac-people"),
    "deployment.yaml": ("deployment",),
    "publicconfig.yaml": ("publicconfig",),
    "service.yaml": ("service",),
    "poddisruptionbudget.yaml": ("poddisruptionbudget",),
}
HEADER = "# Rendered from charts/scriptmodel-operator by `make manifests`; edit the chart.\n"
# Labels of objects that Helm manages, which plain manifests must not have.
_OF_HELM = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^# Source: .*\n", re.MULTILINE)


def manifests() -> dict[Path, str]:
    """Return the text of each plain manifest, rendered from the chart for a Pachyderm."""
    return {MANIFESTS / name: HEADER + _rendered(templates) for name, templates in TEMPLATES.items()}


def _rendered(templates: tuple[str, ...]) -> str:
    shown = [f"--show-only=templates/{name}.yaml" for name in templates]
    command = [str(helm()), "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", *VALUES, *shown]
    text = _OF_HELM.sub("", subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return text.removeprefix("---\n")


def readme() -> str:
    """Return the chart's README with the table of the values in values.yaml."""
    rows = [(f"`{path}`", f"`{_json(value)}`", text) for path, value, text in values()]
    table = pages.table(("value", "default", "meaning"), rows)
    return pages.filled((CHART / "README.md").read_text(), {"values": table}.__getitem__)


def schema() -> str:
    """Return values.schema.json with the meaning of each value in values.yaml as its description.

    A key without a value removes its default, so what may not be empty is required, as is each mapping above a value.
    """
    root = json.loads(SCHEMA.read_text())
    for path, default, text in values():
        node, keys = root, path.split(".")
        for depth, key in enumerate(keys, 1):
            above, node = node, node["properties"][key]
            if depth < len(keys) or not _may_be_empty(node, default):
                above["required"] = sorted({*above.get("required", ()), key})
        known = {name: value for name, value in node.items() if name != "description"}
        node.clear()
        node.update({"description": text, **known})
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def _may_be_empty(node: dict[str, Any], default: Any) -> bool:
    return default in ("", []) or isinstance(default, dict) or bool(re.search(node.get("pattern", "."), ""))


def values() -> Iterator[tuple[str, Any, str]]:
    """Yield path, default and meaning of each value with a comment that starts with `# --`."""
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # noqa: S101 - for mypy: values.yaml is a mapping
    yield from _documented(root, yaml.safe_load(text), text.splitlines())


def _documented(
    node: yaml.MappingNode, value: dict[str, Any], lines: list[str], above: str = ""
) -> Iterator[tuple[str, Any, str]]:
    for key, child in node.value:
        path = f"{above}{key.value}"
        comment = _comment_above(lines, key.start_mark.line)
        if comment:
            yield path, value[key.value], comment
        elif isinstance(child, yaml.MappingNode):
            yield from _documented(child, value[key.value], lines, f"{path}.")
        else:
            raise ValueError(f"{path} has no comment `# -- ...` in values.yaml")


def _comment_above(lines: list[str], number: int) -> str:
    words: list[str] = []
    while number and lines[number - 1].lstrip().startswith("#"):
        number -= 1
        words.insert(0, lines[number].strip().lstrip("# "))
    text = " ".join(words)
    return text.removeprefix("-- ") if text.startswith("-- ") else ""


def _json(value: Any) -> str:
    return json.dumps(value).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return 1 if one is out of date."""
    try:
        wanted = {**manifests(), CHART / "README.md": readme(), SCHEMA: schema()}
    except (BuildError, OSError, ValueError, subprocess.CalledProcessError) as error:
        say(f"chart: {error}")
        return 1
    return pages.write(wanted, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
