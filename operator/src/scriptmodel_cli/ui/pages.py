"""The pages: which template each has, which of its blocks are sent again, and what they are filled with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from aiohttp import web

from scriptmodel_cli.options import now
from scriptmodel_cli.ui import views
from scriptmodel_cli.ui.feed import Feed
from scriptmodel_cli.ui.names import Object, Place, commit_path, place_of
from scriptmodel_cli.ui.reads import Answer, Reads
from scriptmodel_cli.ui.rendering import block, whole
from scriptmodel_cli.ui.scripts import cast, colours_of, typeset
from scriptmodel_cli.ui.training import Training, files, generation_record, samples, text_file

_SHORT_SCRIPT, _SKETCHES = 14, 9
"""Paragraphs of a script, and lines that epochs wrote, on the page of a model."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Pages get everything from here, so that a login could give each visitor their own rights."""

    user: str
    server: str
    feed: Feed
    reads: Reads


class Page(Protocol):
    """A page, and the parts of it that are sent again once they change."""

    every: ClassVar[float]
    """Seconds after which it is filled again although no object changed."""

    def html(self, live: str) -> str:
        """Return the whole page; `live` is the id under which its browser asks for changes."""

    def parts(self) -> Mapping[str, str]:
        """Return HTML by element id; what is missing next time is removed."""


@dataclass
class Templated(ABC):
    """A page of one template, whose `blocks` are elements with their names as ids."""

    visitor: Visitor
    template: ClassVar[str]
    blocks: ClassVar[tuple[str, ...]]
    every: ClassVar[float] = 1.0

    @abstractmethod
    def context(self) -> dict[str, Any]:
        """Return what the template is rendered with."""

    def html(self, live: str) -> str:
        return whole(self.template, {**self._filled(), "live": live})

    def parts(self) -> Mapping[str, str]:
        values = self._filled()
        return {name: block(self.template, name, values) for name in ("banner", *self.blocks)}

    def _filled(self) -> dict[str, Any]:
        return {"visitor": self.visitor, "problem": self.visitor.feed.problem, **self.context()}

    def found(self, namespace: str, name: str) -> Object:
        """Return an object. Raises HTTPNotFound without one."""
        found = self.visitor.feed.objects.get(f"{namespace}/{name}")
        if found is None:
            raise web.HTTPNotFound(text=f"There is no ScriptModel {namespace}/{name}, or you may not read it.")
        return found


@dataclass
class AllModels(Templated):
    """All ScriptModels, a row each; a row is filled again only if something in it changed."""

    template = "models.html"
    every = 5.0
    rows: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """The HTML of each row with what it was made from; shared by all tabs."""

    def context(self) -> dict[str, Any]:
        found = sorted(self.visitor.feed.objects.items())
        tones = [views.tone_of(each) for _key, each in found]
        counts = {tone: tones.count(tone) for tone in ("working", "ready", "stalled", "paused") if tone in tones}
        rows = {f"row-{each['metadata']['uid']}": self._row(each) for _key, each in found}
        for gone in self.rows.keys() - rows.keys():
            del self.rows[gone]
        return {"rows": rows, "counts": counts, "total": len(found), "namespace": self.visitor.feed.namespace}

    def parts(self) -> Mapping[str, str]:
        values = self._filled()
        rows: Mapping[str, str] = values["rows"]
        return {**{name: block(self.template, name, values) for name in ("banner", "counts")}, **rows}

    def _row(self, found: Object) -> str:
        uid, reads = f"row-{found['metadata']['uid']}", self.visitor.reads
        each = views.summary(found, now())
        spark, lines = views.spark_of(found, reads), views.last_lines_of(found, reads)
        stamp = (found["metadata"]["resourceVersion"], each["age"], spark, lines)
        kept = self.rows.get(uid)
        if kept is None or kept[0] != stamp:
            kept = self.rows[uid] = (stamp, whole("row.html", {"m": each, "spark": spark, "lines": lines}))
        return kept[1]


@dataclass
class OneModel(Templated):
    """One ScriptModel."""

    namespace: str
    name: str
    template = "model.html"
    blocks = ("head", "lineage", "curve", "log", "why", "history", "script", "settings")

    def context(self) -> dict[str, Any]:
        found, reads, moment = self.found(self.namespace, self.name), self.visitor.reads, now()
        trained = views.training_of(found, reads)
        curve, status = trained.value or Training(), views.status_of(found)
        model = (status.get("lineage") or {}).get("model") or {}
        script = status.get("script") or {}
        total = int((status.get("training") or {}).get("epochs") or 0)
        return {
            "m": views.summary(found, moment),
            "why": views.evidence_of(found, reads, moment),
            "lineage": views.lineage_of(found),
            "trained": trained,
            "chart": views.chart_of("Perplexity by epoch", [("", "a", curve, total)]),
            "eta": views.eta_of(found, moment),
            "facts": list(views.facts_of(found, moment)),
            "history": views.history_of(found, moment),
            "score": script.get("score") or {},
            "figures": views.score_of(script.get("score") or {}),
            "report": f"{commit_path(model)}/file?path=/report.html" if commit_path(model) else "",
            "pieces": typeset(str(script.get("excerpt", "")))[:_SHORT_SCRIPT],
            "sketches": [(each.epoch, typeset(each.sample)) for each in curve.epochs[:-_SKETCHES:-1] if each.sample],
            "settings": views.settings_of(found["spec"]),
        }


@dataclass
class OneScript(Templated):
    """The samples of one commit, set for reading: one of them, or all side by side."""

    namespace: str
    name: str
    commit: str
    """Empty for the newest one."""
    sample: int
    """0 for all."""
    complete: str = ""
    """The HTML of the sheets once they are read: those of a commit never change."""
    template = "script.html"
    blocks = ("newer", "sheets")

    def parts(self) -> Mapping[str, str]:
        values = self._filled()
        parts = {name: block(self.template, name, values) for name in ("banner", *self.blocks)}
        if not values["pending"]:
            self.complete = parts["sheets"]
        return parts

    def context(self) -> dict[str, Any]:
        found = self.found(self.namespace, self.name)
        status, m = views.status_of(found), views.summary(found, now())
        newest = place_of((status.get("lineage") or {}).get("script"))
        values: dict[str, Any] = {"m": m, "sample": self.sample, "complete": self.complete}
        values |= {"place": None, "newer": False, "sheets": [], "numbers": []}
        if newest is None:
            return values | {"error": f"{self.name} has no script yet: {m['message']}", "pending": True}
        place = Place(newest.repo, self.commit or newest.commit)
        self.commit = place.commit
        values |= {"place": place, "newer": newest != place, "error": "", "pending": False}
        return values if self.complete else values | self._sheets(place, m["script"])

    def _sheets(self, place: Place, script: Mapping[str, Any]) -> dict[str, Any]:
        reads = self.visitor.reads
        listed = reads.get(("files", place), lambda: files(reads.gateway, place))
        record = reads.get(("record", place), lambda: generation_record(reads.gateway, place))
        if listed.error:  # without pachd there is still the beginning
            pieces = typeset(str(script.get("excerpt", "")))
            return {"sheets": [{"number": 1, "pieces": pieces, "error": listed.error}], "pending": True}
        known = samples(listed.value or {})
        chosen = {number: forms for number, forms in known.items() if self.sample in (0, number)}
        texts = {n: self._text(place, forms["txt"]) for n, forms in chosen.items() if "txt" in forms}
        colours = colours_of(*(text.value or "" for text in texts.values()))
        scores = {f"/{each.get('file')}": each.get("score") for each in (record.value or {}).get("samples") or []}
        sheets = []
        for number, text in texts.items():
            pieces, forms = typeset(text.value or "", colours), chosen[number]
            downloads = {form: f"{place.path}/file?save=1&path={path}" for form, path in forms.items()}
            words = len((text.value or "").split())
            score = scores.get(forms["txt"]) or {}
            sheets.append({"number": number, "pieces": pieces, "cast": cast(pieces), "error": text.error})
            sheets[-1] |= {"words": words, "score": score, "downloads": downloads}
        return {
            "sheets": sheets,
            "numbers": list(known),
            "error": f"This commit has no sample {self.sample}." if known and not chosen else "",
            "pending": listed.pending or record.pending or any(text.value is None for text in texts.values()),
        }

    def _text(self, place: Place, path: str) -> Answer[str]:
        reads = self.visitor.reads
        return reads.get(("text", place, path), lambda: text_file(reads.gateway, place, path), large=True)


@dataclass
class TwoModels(Templated):
    """Two ScriptModels beside each other."""

    keys: tuple[str, str]
    template = "compare.html"
    blocks = ("curves", "diff", "scripts")

    def context(self) -> dict[str, Any]:
        reads, objects = self.visitor.reads, self.visitor.feed.objects
        found = [objects[key] for key in self.keys if key in objects]
        trained = [views.training_of(each, reads).value or Training() for each in found]
        totals = [int((views.status_of(each).get("training") or {}).get("epochs") or 0) for each in found]
        models = [views.summary(each, now()) for each in found]
        names = [f"{m['name']}, " for m in models]
        excerpts = [str(m["script"].get("excerpt", "")) for m in models]
        lines = list(zip(names, "ab", trained, totals, strict=False))
        specs = [views.settings_of(each["spec"]) for each in found]
        fields = sorted({name for spec in specs for name in spec})
        rows = [(name, *(spec.get(name, "–") for spec in specs)) for name in fields]
        rows.sort(key=lambda row: row[1] == row[-1])
        return {
            "models": models,
            "choices": sorted(objects),
            "keys": self.keys,
            "chart": views.chart_of("Perplexity by epoch", lines) if lines else None,
            "rows": rows,
            "changed": sum(row[1] != row[-1] for row in rows),
            "pieces": [typeset(text, colours_of(*excerpts)) for text in excerpts],
        }


@dataclass
class OneCommit(Templated):
    """The files of a commit."""

    place: Place
    template = "commit.html"
    blocks = ("files",)

    def context(self) -> dict[str, Any]:
        reads = self.visitor.reads
        listed = reads.get(("files", self.place), lambda: files(reads.gateway, self.place))
        return {
            "place": self.place,
            "listed": listed,
            "base": self.place.path,
            "is_model": "/model.json" in (listed.value or ()),
        }
