"""What pages show of a ScriptModel without reading anything else, and the addresses of its pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scriptmodel_cli.options import now
from scriptmodel_cli.screen import facts, preset_of
from scriptmodel_cli.text import condition, state_of
from scriptmodel_operator.engine.values import RepoRef, commit_of


@dataclass(frozen=True)
class Place:
    repo: RepoRef
    commit: str

    @property
    def path(self) -> str:
        return "/commits/" + "/".join(quote(part, safe="") for part in (self.repo.project, self.repo.name, self.commit))


class Model:
    def __init__(self, found: dict[str, Any]) -> None:
        self.found, self.spec = found, found["spec"]
        self.status, ready = found.get("status") or {}, condition(found)
        self.uid, self.namespace, self.name = (str(found["metadata"][part]) for part in ("uid", "namespace", "name"))
        self.key = f"{self.namespace}/{self.name}"
        self.href, self.preset = f"/models/{quote(self.key)}", preset_of(found)
        self.tone = state_of(found)
        self.reason = str(ready.get("reason", "Pending"))
        self.message = str(ready.get("message", "The operator has not observed this object yet."))
        self.training, self.script = (self.status.get(part) or {} for part in ("training", "script"))
        self.sketch = str(self.script.get("excerpt") or self.training.get("sample") or "")
        self.trains = bool(self.training.get("startTime")) and not self.training.get("completionTime")

    @property
    def epochs(self) -> int:
        return int(self.training.get("epochProgress", "").partition("/")[2] or 0)

    def place(self, kind: str) -> Place | None:
        """Return the commit of the corpus, model, script or base; None if it has none."""
        repo, commit = commit_of((self.status.get("lineage") or {}).get(kind, ""))
        return Place(repo, commit) if repo.name else None

    def lineage(self) -> Iterator[tuple[str, str, Place | None]]:
        """Yield title, text and commit of each step from the corpus to the script."""
        corpus, base = self.spec.get("corpus") or {}, self.spec.get("model") or {}
        base = base.get("from") or ({"name": base["base"]} if base.get("base") else {})
        source = corpus.get("repo") or corpus.get("configMap") or {}
        progress = self.training.get("epochProgress") if self.trains else ""
        words = f"{self.script['words']:,} words" if self.script.get("words") else "not written yet"
        for kind, title, text in (
            ("corpus", "Corpus", source.get("name") or (corpus.get("bucket") or {}).get("url") or "files by URL"),
            ("base", "Base model", (base.get("scriptModel") or base).get("name") or "a commit"),
            ("model", "Model", self.spec["model"].get("preset", "") + (f", epoch {progress}" if progress else "")),
            ("script", "Script", words),
        ):
            place = self.place(kind)
            if kind != "base" or base or place:
                yield title, str(text), place

    def facts(self) -> Iterator[tuple[str, str]]:
        return facts(self.training, now())
