"""Resolves the names of a ScriptModel's objects in Pachyderm from the ownership marks that Pachyderm holds.

New objects get names with 16 digits of hash. Objects that an older operator created keep theirs, with 8 digits, for
as long as Pachyderm holds one that carries the mark of this namespace and name. The three objects of a ScriptModel
always share one form, so that a pipeline that is created again fits those that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from scriptmodel_operator.api.marks import Mark, mark_of, parse_mark
from scriptmodel_operator.api.names import PachydermNames, possible_names
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.snapshot import Snapshot, take_snapshot
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import PipelineInfo

MarkOf = Callable[[PipelineInfo], Mark | None]


def names_of(model: ScriptModel, snapshot: Snapshot, cluster: str | None, mark: MarkOf) -> PachydermNames:
    """Return the names under which Pachyderm holds the object's pipelines or corpus, else the names for new ones.

    Objects with a mark of `cluster` come first, then those of the same namespace and name in another cluster: that
    is a conflict that a person has to resolve, not a reason to train everything again under other names. `mark` reads
    the mark of a pipeline. Names that only unmarked objects have, or objects of another ScriptModel, are not kept.
    """
    possible = possible_names(model.namespace, model.name, model.spec.pachyderm.project)
    others: PachydermNames | None = None
    for names in possible:
        clusters = set(_clusters(model, names, snapshot, mark))
        if cluster in clusters:
            return names
        if clusters and others is None:
            others = names
    return others or possible[0]


def with_names(model: ScriptModel, gateway: Gateway) -> ScriptModel:
    """Return the object with names for a person's command: those of its status, else those found by marks.

    The command need not know the id of the cluster. Raises PachydermError.
    """
    if model.known_names is not None:
        return model
    names = names_of(model, take_snapshot(gateway, ()), None, lambda info: mark_of(info.spec.annotations))
    return replace(model, known_names=names)


def _clusters(model: ScriptModel, names: PachydermNames, snapshot: Snapshot, mark: MarkOf) -> Iterator[str]:
    """Yield the clusters in which a ScriptModel of this namespace and name owns an object of these names."""
    refs = references(model, names)
    pipelines = (snapshot.pipelines.get(ref) for ref in (refs.train, refs.generate))
    corpus = snapshot.repos.get(refs.own_corpus)
    marks = [mark(info) for info in pipelines if info is not None]
    marks += [parse_mark(corpus.description)] if corpus is not None else []
    for each in marks:
        if each is not None and (each.owner.namespace, each.owner.name) == (model.namespace, model.name):
            yield each.owner.cluster
