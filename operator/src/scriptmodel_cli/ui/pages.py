"""The pages: what each shows, and whether it follows what changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

from scriptmodel_cli.options import now
from scriptmodel_cli.session import parsed
from scriptmodel_cli.ui import views
from scriptmodel_cli.ui.feed import Feed
from scriptmodel_cli.ui.names import Object, Place, commit_path, place_of
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.rendering import render
from scriptmodel_cli.ui.scripts import colours_of, typeset
from scriptmodel_cli.ui.training import Sample, Training, curve_at, files, read_samples, trained_with
from scriptmodel_cli.web.training import Curve, chart_of
from scriptmodel_operator.api.text import short_id

_SHORT_SCRIPT, _SKETCHES = 14, 9
"""Paragraphs of a script, and lines that epochs wrote, on the page of a model."""


@dataclass(frozen=True)
class Visitor:
    """Who asks. Pages get everything from here, so that a login could give each visitor their own rights."""

    server: str
    feed: Feed
    reads: Reads

    def found(self, namespace: str, name: str) -> Object:
        """Return an object. Raises HTTPNotFound without one."""
        found = self.feed.objects.get(f"{namespace}/{name}")
        if found is None:
            raise web.HTTPNotFound(text=f"There is no ScriptModel {namespace}/{name}, or you may not read it.")
        return found


@dataclass
class Page(ABC):
    """A page, whose content is a template; `every` is after how many seconds it is looked at again, 0 for never."""

    visitor: Visitor
    template: ClassVar[str]
    every: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def title(self) -> str:
        """The title of the window."""

    @abstractmethod
    async def values(self) -> dict[str, Any]:
        """Return what the template is rendered with."""

    async def content(self) -> str:
        """Return the content as HTML."""
        return render(self.template, problem=self.visitor.feed.problem, **await self.values())


@dataclass
class AllModels(Page):
    """All ScriptModels, a row each; a row is rendered again only if something in it changed."""

    template = "models.html"
    every = 5.0
    title = "ScriptModels"
    rows: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """The HTML of each row with what it was made from; shared by all tabs."""

    async def values(self) -> dict[str, Any]:
        found = [each for _key, each in sorted(self.visitor.feed.objects.items())]
        tones = [views.tone_of(each) for each in found]
        counts = {tone: tones.count(tone) for tone in ("working", "ready", "stalled", "paused") if tone in tones}
        rows = {each["metadata"]["uid"]: self._row(each) for each in found}
        self.rows = {uid: self.rows[uid] for uid in rows}
        return {"rows": rows.values(), "counts": counts, "namespace": self.visitor.feed.namespace}

    def _row(self, found: Object) -> str:
        uid, reads = found["metadata"]["uid"], self.visitor.reads
        each = views.summary(found, now())
        spark, lines = views.spark_of(found, reads), views.last_lines_of(found, reads)
        stamp = (found["metadata"]["resourceVersion"], each["age"], spark, lines)
        if uid not in self.rows or self.rows[uid][0] != stamp:
            self.rows[uid] = (stamp, render("row.html", m=each, spark=spark, lines=lines))
        return self.rows[uid][1]


@dataclass
class OneModel(Page):
    """One ScriptModel."""

    namespace: str
    name: str
    sort: str = ""
    """The column by which trials of a search are sorted."""
    template = "model.html"
    every = 1.0

    @property
    def title(self) -> str:
        return f"{self.name} · ScriptModel"

    async def values(self) -> dict[str, Any]:
        found, reads, moment = self.visitor.found(self.namespace, self.name), self.visitor.reads, now()
        trained, status = views.training_of(found, reads), views.status_of(found)
        train, generate = trained.value or Training(), views.generation_of(found, reads).value or Training()
        curve = train.curve
        model, script = (status.get("lineage") or {}).get("model"), status.get("script") or {}
        return {
            "m": views.summary(found, moment),
            "other_pachd": reads.other_pachd(self.visitor.feed.own, self.namespace),
            "why": views.evidence_of(found, reads, moment),
            "lineage": views.lineage_of(found),
            "search": views.search_of(found, reads, self.sort),
            "trained": trained,
            "curve": curve,
            "logs": [("train", train.job, train.lines), ("generate", generate.job, generate.lines)],
            "chart": chart_of([("", curve, views.epochs_of(found))]),
            "facts": list(views.facts_of(found, moment)),
            "history": views.history_of(found, moment),
            "figures": views.score_of(script.get("score") or {}),
            "report": f"{commit_path(model)}/file?path=/report.html" if commit_path(model) else "",
            "pieces": typeset(str(script.get("excerpt", "")))[:_SHORT_SCRIPT],
            "sketches": [(each.epoch, typeset(each.sample)) for each in curve.epochs[:-_SKETCHES:-1] if each.sample],
            "settings": views.settings_of(found["spec"]),
        }


@dataclass
class OneScript(Page):
    """The samples of one commit, set for reading: one of them, or all side by side."""

    namespace: str
    name: str
    commit: str
    """Empty for the newest one."""
    sample: int
    """0 for all."""
    template = "script.html"

    @property
    def title(self) -> str:
        return f"The script of {self.name}"

    async def values(self) -> dict[str, Any]:
        found = self.visitor.found(self.namespace, self.name)
        m = views.summary(found, now())
        newest = place_of((views.status_of(found).get("lineage") or {}).get("script"))
        if newest is None:
            raise web.HTTPNotFound(text=f"{self.name} has no script yet: {m['message']}")
        place = Place(newest.repo, self.commit or newest.commit)
        excerpt = str(m["script"].get("excerpt", ""))
        values = await sheets_of(self.visitor.reads, place, self.sample, excerpt)
        return values | {"m": m, "place": place, "newer": newest != place, "sample": self.sample}


async def sheets_of(reads: Reads, place: Place, sample: int, excerpt: str) -> dict[str, Any]:
    """Return the numbers of a commit's samples, those chosen as sheets, and why there is only the excerpt, if so."""
    read = await reads.answer(lambda: read_samples(reads.gateway, place, sample))
    numbers, samples = read.value or ([], [])
    if read.error and excerpt:
        samples = [Sample(1, excerpt, {}, "")]
    colours = colours_of(*(each.text for each in samples))
    sheets = []
    for each in samples:
        pieces = typeset(each.text, colours)
        spoken = dict.fromkeys((piece.name, piece.colour) for piece in pieces if piece.name)
        downloads = {form: f"{place.path}/file?save=1&path={path}" for form, path in each.forms.items()}
        sheets.append({"sample": each, "pieces": pieces, "cast": [*spoken], "downloads": downloads})
    missing = "" if sheets else f"This commit has no sample {sample}."
    return {"numbers": numbers, "sheets": sheets, "error": read.error or missing}


@dataclass
class TwoModels(Page):
    """Two models beside each other: the newest ones of two objects, or NAMESPACE/NAME@COMMIT of an object's history."""

    keys: tuple[str, str]
    template = "compare.html"
    title = "Two models"

    async def values(self) -> dict[str, Any]:
        objects = self.visitor.feed.objects
        sides = [side for key in self.keys if (side := await self._side(key))]
        named = {key.partition("@")[0] for key in self.keys}
        history = (f"{key}@{entry['modelCommit']}" for key in named for entry in self._history(key))
        rows = _settings(sides) if sides else []
        values: dict[str, Any] = {"sides": sides, "keys": self.keys, "rows": rows, "chart": None}
        values["changed"] = sum(row[1] != row[-1] for row in rows)
        if sides:
            curves = [(f"{side['name']}, ", side["curve"], side["epochs"]) for side in sides]
            values["chart"] = chart_of(curves)
        return values | {"choices": sorted({*objects, *history})}

    def _history(self, key: str) -> list[dict[str, Any]]:
        found = self.visitor.feed.objects.get(key.partition("@")[0])
        return [entry for entry in views.status_of(found or {}).get("history") or [] if entry.get("modelCommit")]

    async def _side(self, key: str) -> dict[str, Any] | None:
        """Return what the page shows of a model; None if it does not exist."""
        found = self.visitor.feed.objects.get(key.partition("@")[0])
        commit, reads = key.partition("@")[2], self.visitor.reads
        entry = next((each for each in self._history(key) if each["modelCommit"] == commit), None)
        if found is None or (commit and entry is None):
            return None
        m, lineage = views.summary(found, now()), views.status_of(found).get("lineage") or {}
        place, script = place_of(lineage.get("model")), place_of(lineage.get("script"))
        excerpt = str(m["script"].get("excerpt", ""))
        if entry:  # all commits that a push to the corpus leads to have one id
            place, script = (where and Place(where.repo, commit) for where in (place, script))
            excerpt = ""
        trained = place if entry or found["spec"].get("search") else None
        curve = await reads.answer(lambda: curve_at(reads.gateway, trained, parsed(found)))
        used = await reads.answer(lambda: trained_with(reads.gateway, place) if place else {})
        sheets: dict[str, Any] = {"sheets": [], "error": "No script yet."}
        if script:
            sheets = await sheets_of(reads, script, 1, excerpt)
        perplexity = m["training"].get("perplexity") or {}
        return sheets | {
            "name": f"{m['name']} ({short_id(commit)})" if entry else m["name"],
            "m": m,
            "curve": curve.value or Curve(),
            "epochs": 0 if entry else views.epochs_of(found),
            "spec": {} if entry else views.settings_of(found["spec"]),
            "used": views.settings_of(used.value, "trained") if used.value else {},
            "figures": entry or {"perplexity": perplexity.get("best"), "testPerplexity": perplexity.get("test")},
            "verdict": next((each["sample"].verdict for each in sheets["sheets"]), ""),
        }


def _settings(sides: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return name and values of each setting, those that differ first: of the specs and of the models, where known."""
    known = [part for part in ("spec", "used") if all(side[part] for side in sides)]
    found = [{name: value for part in known for name, value in side[part].items()} for side in sides]
    rows = [(name, *(each.get(name, "–") for each in found)) for name in sorted({*found[0], *found[-1]})]
    return sorted(rows, key=lambda row: row[1] == row[-1])


@dataclass
class OneCommit(Page):
    """The files of a commit."""

    place: Place
    template = "commit.html"

    @property
    def title(self) -> str:
        return f"Commit {self.place.commit[:8]} of {self.place.repo}"

    async def values(self) -> dict[str, Any]:
        reads = self.visitor.reads
        return {"place": self.place, "listed": await reads.answer(lambda: files(reads.gateway, self.place))}
