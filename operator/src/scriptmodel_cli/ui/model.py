"""What pages show of a ScriptModel without reading anything else, and the addresses of its pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from scriptmodel_cli.options import now
from scriptmodel_cli.screen import restarts_of
from scriptmodel_cli.session import parsed
from scriptmodel_cli.text import age, condition, is_observed, parse_time, suspended
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.text import short_id
from scriptmodel_operator.pachyderm.values import RepoRef

_PERPLEXITIES = {"best": "best validation", "test": "test", "valid": "validation", "train": "training"}
_ASPECTS = {
    "originality": "new text rather than copies of the corpus",
    "variety": "no repetition of itself",
    "order": "words in an order that the corpus knows",
    "vocabulary": "the words of the corpus",
    "form": "speeches and directions like those of the corpus",
}


@dataclass(frozen=True)
class Place:
    """A commit of a repo."""

    repo: RepoRef
    commit: str

    @property
    def path(self) -> str:
        """The address of its page."""
        return "/commits/" + "/".join(quote(part, safe="") for part in (self.repo.project, self.repo.name, self.commit))


class Model:
    """A ScriptModel as the API server sends it."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found, self.spec = found, found["spec"]
        metadata, status, ready = found["metadata"], found.get("status") or {}, condition(found)
        self.uid, self.namespace, self.name = (str(metadata[part]) for part in ("uid", "namespace", "name"))
        self.key = f"{self.namespace}/{self.name}"
        self.href = f"/models/{quote(self.key)}"
        self.reason = str(ready.get("reason", "Pending"))
        self.message = str(ready.get("message", "The operator has not observed this object yet."))
        self.training, self.script, self.search, self._lineage = (
            status.get(part) or {} for part in ("training", "script", "search", "lineage")
        )
        self.pipelines = [str(each["name"]) for each in status.get("pipelines") or []]
        self.history = status.get("history") or []
        self.perplexity = str(status.get("perplexity", ""))
        self.trains = bool(self.training.get("startTime")) and not self.training.get("completionTime")
        self.epochs = int(self.training.get("epochs") or 0)
        """How many a training is to have; 0 if that is not known yet."""
        self.excerpt = str(self.script.get("excerpt", ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.found == other.found

    __hash__ = None  # type: ignore[assignment]  # the object may change

    @property
    def parsed(self) -> ScriptModel:
        """The object with types. Raises ClickException if its spec is of another version of the API."""
        return parsed(self.found)

    @property
    def tone(self) -> str:
        """ready, stalled, paused or working."""
        if suspended(self.found):
            return "paused"
        if condition(self.found).get("status") == "True" and is_observed(self.found):
            return "ready"
        return "stalled" if condition(self.found, "Stalled").get("status") == "True" else "working"

    @property
    def age(self) -> str:
        return age(self.found["metadata"]["creationTimestamp"], now())

    @property
    def preset(self) -> str:
        preset = str((self.spec.get("model") or {}).get("preset", ""))
        return f"{preset} ({self.training['preset']})" if self.training.get("preset") else preset

    def place(self, kind: str, commit: str = "") -> Place | None:
        """Return the commit of the corpus, model, script or base, or another one of its repo; None if it has none."""
        found = self._lineage.get(kind) or {}
        project, repo, newest = (str(found.get(part) or "") for part in ("project", "repo", "commit"))
        return Place(RepoRef(project, repo), commit or newest) if project and repo and newest else None

    def lineage(self) -> Iterator[tuple[str, str, Place | None, str]]:
        """Yield title, text, commit and address of each step from the corpus to the script."""
        corpus, base = self.spec.get("corpus") or {}, (self.spec.get("model") or {}).get("from") or {}
        source = corpus.get("repo") or corpus.get("configMap") or {}
        progress = self.training.get("epochProgress") if self.trains else ""
        words = f"{self.script['words']:,} words" if self.script.get("words") else "not written yet"
        for kind, title, text in (
            ("corpus", "Corpus", source.get("name") or "files by URL"),
            ("base", "Base model", (base.get("scriptModel") or base).get("name") or "a commit"),
            ("model", "Model", self.spec["model"].get("preset", "") + (f", epoch {progress}" if progress else "")),
            ("script", "Script", words),
        ):
            place = self.place(kind)
            if kind != "base" or base or place:
                href = f"{self.href}/script" if kind == "script" and self.script else place.path if place else ""
                yield title, str(text), place, href

    def models(self) -> Iterator[dict[str, Any]]:
        """Yield the trained models of its history, newest first."""
        newest = self.place("model")
        for entry in self.history:
            commit = str(entry.get("modelCommit", ""))
            yield {
                **entry,
                "short": short_id(commit),
                "place": self.place("model", commit),
                "current": newest and commit == newest.commit,
                "ago": f"{age(entry['finished'], now())} ago" if entry.get("finished") else "",
            }

    def judged(self) -> list[tuple[str, str, float]]:
        """Return aspect, meaning and figure, at most 1, of the judge's verdict on the script."""
        score = self.script.get("score") or {}
        return [(name, text, min(1.0, float(score[name]))) for name, text in _ASPECTS.items() if name in score]

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield the figures of the training."""
        trained = self.training
        figures, device = trained.get("perplexity") or {}, trained.get("device") or {}
        for key, name in _PERPLEXITIES.items():
            if figures.get(key):
                yield f"{name} perplexity", figures[key]
        if trained.get("wordsPerSecond"):
            yield "speed", f"{trained['wordsPerSecond']:,} words/s"
        if trained.get("startTime"):
            end = trained.get("completionTime")
            took = int(((parse_time(end) if end else now()) - parse_time(trained["startTime"])).total_seconds())
            yield "time", f"{timedelta(seconds=max(0, took))}{'' if end else ' so far'}"
        if device.get("name") or device.get("kind"):
            yield "device", f"{device.get('name') or device['kind']} {device.get('precision', '')}".strip()
        if trained.get("stoppedBy"):
            yield "ended by", trained["stoppedBy"]
        if trained.get("restarts"):
            yield "restarts", restarts_of(trained)


def settings_of(value: Any, prefix: str = "") -> dict[str, str]:
    """Return the fields of a spec by their paths."""
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for key, child in value.items():
            found |= settings_of(child, f"{prefix}.{key}" if prefix else str(key))
        return found
    return {prefix: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
