"""Limits what a namespace may request: a pipeline's container can reach more of Pachyderm than its own data.

Tenants are separate by default. A namespace reads the repos that its own objects made, those whose description names
it (`api/marks.py`) and those that the policy lists for it; its pipelines are in a project of `Policy.projects_of`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic.dataclasses import dataclass

from scriptmodel_operator.api.marks import naming
from scriptmodel_operator.api.names import DEFAULT_PROJECT
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.urls import host_of
from scriptmodel_operator.desired.pipelines import QUEUE_LABEL
from scriptmodel_operator.engine.errors import allowing
from scriptmodel_operator.engine.values import PipelineSpec, RepoInfo, RepoRef
from scriptmodel_operator.options import DOCUMENTED, Option

ANYTHING = "*"
_TAG_OR_DIGEST = re.compile(r"(:[^/:@]+)?(@[^@]+)?$")
_Names = tuple[str, ...]
_ByNamespace = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Policy:
    """The allow-lists of the operator's configuration, which are its options; `*` allows everything.

    What is mapped to namespace `*` holds for all of them, beside what is mapped to each. `projects` has the projects of
    a namespace's pipelines, besides `default`; it lets nobody read a repo. `repos` has the repos that it may read, as
    patterns: `plays-*` is of these projects, `drama/plays-*` of project `drama`.
    """

    trainer_image: str = ""
    checkpoint_claim: str = ""
    """The operator's default claim for checkpoints, which every object may name."""
    namespaced: bool = False
    """Whether projects are namespaces, of which each object uses its own."""
    images: Annotated[_Names, Option("--allow-image", "PREFIX")] = ()
    """Allow this image in training.image, and all below it (whole parts of the path), besides tags of the trainer
    image; * for any."""
    priority_classes: Annotated[_Names, Option("--allow-priority-class", "NAME")] = ()
    """Allow this priority class; * for any."""
    runtime_classes: Annotated[_Names, Option("--allow-runtime-class", "NAME")] = ()
    """Allow this runtime class; * for any."""
    queues: Annotated[_Names, Option("--allow-queue", "NAME")] = ()
    """Allow this queue of Kueue in training.queueName; * for any."""
    pull_secrets: Annotated[_Names, Option("--allow-pull-secret", "NAME")] = ()
    """Allow this Secret of Pachyderm's namespace in training.imagePullSecrets; * for any."""
    checkpoint_claims: Annotated[_ByNamespace, Option("--allow-checkpoint-claim", "NS=CLAIM")] = field(
        default_factory=dict
    )
    """Allow a namespace (* for all) to name this claim in training.checkpoints.claimName; * for any."""
    projects: Annotated[_ByNamespace, Option("--allow-project", "NS=PROJECT")] = field(default_factory=dict)
    """Allow a namespace (* for all) to have pipelines in this Pachyderm project, besides default; * for any."""
    repos: Annotated[_ByNamespace, Option("--allow-repo", "NS=REPO")] = field(default_factory=dict)
    """Allow a namespace (* for all) to read this repo as corpus or base model, such as plays-* or drama/plays-*.
    [default: those that its objects made, and those whose description names it]"""
    downloads: Annotated[_Names, Option("--allow-download", "HOST")] = ()
    """Allow corpora of this host, in corpus.http.urls or as the endpoint of a bucket; * for any. [default: none]"""

    def projects_of(self, namespace: str) -> tuple[str, ...]:
        """Return the projects of a namespace; each may use the default one."""
        return (namespace,) if self.namespaced else (DEFAULT_PROJECT, *_of(self.projects, namespace))

    def lists(self, namespace: str, repo: RepoRef) -> bool:
        patterns = (
            pattern if "/" in pattern or pattern == ANYTHING else f"{project}/{pattern}"
            for pattern in _of(self.repos, namespace)
            for project in self.projects_of(namespace)
        )
        return any(fnmatchcase(str(repo), pattern) for pattern in patterns)


def _of(mapped: _ByNamespace, namespace: str) -> tuple[str, ...]:
    return (*mapped.get(namespace, ()), *mapped.get(ANYTHING, ()))


def repository(image: str) -> str:
    """Return `image` without tag and digest."""
    return _TAG_OR_DIGEST.sub("", image)


def refusal(model: ScriptModel, policy: Policy) -> str | None:
    """Return why the object's spec is not allowed, whatever is in Pachyderm, or None."""
    training = model.spec.training
    checks = (
        _image(training.image, policy),
        _listed("priority class", training.priority_class_name, policy.priority_classes),
        _listed("runtime class", training.runtime_class_name, policy.runtime_classes),
        _listed("queue", training.queue_name, policy.queues),
        *(_listed("pull secret", each.name, policy.pull_secrets) for each in training.image_pull_secrets),
        _claim(model, policy),
        _project(model, policy),
        _downloads(model, policy),
    )
    return next((check for check in checks if check), None)


def run_refusal(policy: Policy, spec: PipelineSpec) -> str | None:
    """Return why no pod of a pipeline may be made, or None: not only this operator may have written what it wants."""
    pods, labels = spec.pods, dict(spec.pods.labels)
    checks = (
        _image(spec.image, policy),
        _listed("priority class", pods.priority_class, policy.priority_classes),
        _listed("runtime class", pods.runtime_class, policy.runtime_classes),
        _listed("queue", labels.get(QUEUE_LABEL, ""), policy.queues),
        *(_listed("pull secret", each, policy.pull_secrets) for each in pods.image_pull_secrets),
    )
    return next((check for check in checks if check), None)


def _image(image: str, policy: Policy) -> str | None:
    if not image or ANYTHING in policy.images:
        return None
    listed = [each.rstrip("/") for each in policy.images]
    below = any(f"{repository(image)}/".startswith(f"{each}/") for each in listed)
    if below or image in listed or repository(image) == repository(policy.trainer_image):
        return None
    return (
        f"image {image!r} is not allowed: leave training.image empty for {policy.trainer_image!r}, "
        f"or {allowing('image', repository(image))}"
    )


def _listed(what: str, name: str, allowed: tuple[str, ...]) -> str | None:
    if not name or name in allowed or ANYTHING in allowed:
        return None
    return f"{what} {name!r} is not allowed: leave it out, or {allowing(what.replace(' ', '-'), name)}"


def _claim(model: ScriptModel, policy: Policy) -> str | None:
    name = model.spec.training.checkpoints.claim_name
    allowed = _of(policy.checkpoint_claims, model.namespace)
    if not name or name == policy.checkpoint_claim or name in allowed or ANYTHING in allowed:
        return None
    return (
        f"namespace {model.namespace!r} may not use checkpoint claim {name!r}: leave training.checkpoints.claimName "
        f"empty, or {allowing('checkpoint-claim', f'{model.namespace}={name}')}"
    )


def _project(model: ScriptModel, policy: Policy) -> str | None:
    project, allowed = model.spec.pachyderm.project, policy.projects_of(model.namespace)
    if project in allowed or ANYTHING in allowed:
        return None
    return (
        f"namespace {model.namespace!r} may not use Pachyderm project {project!r}: set spec.pachyderm.project to "
        f"{' or '.join(map(repr, allowed))}, or {allowing('project', f'{model.namespace}={project}')}"
    )


Foreign = Callable[[RepoRef], RepoInfo | None]
"""Returns a repo that exists and is not for a namespace by who made it or by its description."""


def read_refusal(model: ScriptModel, policy: Policy, foreign: Foreign) -> str | None:
    """Return why the object may not read its corpus or its base model, or None."""
    base = model.spec.model.start
    repos = [RepoRef(each.project, each.name) for each in (model.spec.corpus.repo, base.repo if base else None) if each]
    return next(filter(None, (repo_refusal(model.namespace, repo, policy, foreign) for repo in repos)), None)


def repo_refusal(namespace: str, repo: RepoRef, policy: Policy, foreign: Foreign) -> str | None:
    """Return why a namespace may not read a repo, or None; `foreign` is of that namespace."""
    if policy.lists(namespace, repo) or (found := foreign(repo)) is None:
        return None
    allow = allowing("repo", f"{namespace}={repo}")
    if found.namespace:
        return f"namespace {namespace!r} may not read repo {repo} of another namespace: {allow}"
    return (
        f"namespace {namespace!r} may not read repo {repo}, whose description does not name it: run "
        f"`{found.describe_command(naming(namespace))}`, push a corpus to it with `--create -n "
        f"{namespace}`, or {allow}"
    )


def _downloads(model: ScriptModel, policy: Policy) -> str | None:
    http = model.spec.corpus.http
    hosts = [host_of(url) for url in http.urls] if http else []
    refused = [host for host in hosts if host not in map(str.lower, policy.downloads)]
    if not refused or ANYTHING in policy.downloads:
        return None
    return (
        f"URLs of host {refused[0]!r} are not allowed: use another one in corpus.http.urls, "
        f"or {allowing('download', refused[0])}"
    )
