"""Limits what a namespace may request: a pipeline's container can reach more of Pachyderm than its own data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic.dataclasses import dataclass

from scriptmodel_operator.api.network import ModelRepo
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.urls import host_of
from scriptmodel_operator.options import DOCUMENTED, Option

ANYTHING = "*"
_TAG_OR_DIGEST = re.compile(r"(:[^/:@]+)?(@[^@]+)?$")
_Names = tuple[str, ...]
_ByNamespace = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENTED)
class Policy:
    """The allow-lists of the operator's configuration, which are its options; `*` allows everything.

    `projects` maps a namespace to the projects that its objects may use. A namespace that is not mapped may use any
    project for its pipelines, and corpora and base models of that project only. `repos` does the same for the repos
    that are read: names or patterns such as `plays-*`; a namespace that is not mapped may read any repo of its
    projects.
    """

    trainer_image: str = ""
    checkpoint_claim: str = ""
    """The operator's default claim for checkpoints, which every object may name."""
    images: Annotated[_Names, Option("--allow-image", "PREFIX")] = ()
    """Allow this image prefix in training.image besides tags of the trainer image; * for any."""
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
    """Allow a namespace to name this claim in training.checkpoints.claimName; * for any."""
    projects: Annotated[_ByNamespace, Option("--allow-project", "NS=PROJECT")] = field(default_factory=dict)
    """Allow a namespace to use this Pachyderm project; * for any. [default: the project of the object]"""
    repos: Annotated[_ByNamespace, Option("--allow-repo", "NS=REPO")] = field(default_factory=dict)
    """Allow a namespace to read this repo as corpus or base model, such as plays-*. [default: any of its projects]"""
    downloads: Annotated[_Names, Option("--allow-download", "HOST")] = ()
    """Allow URLs of this host in corpus.http.urls; * for any. [default: none]"""


def repository(image: str) -> str:
    """Return `image` without tag and digest."""
    return _TAG_OR_DIGEST.sub("", image)


def refusal(model: ScriptModel, policy: Policy) -> str | None:
    """Return why the object's request is not allowed, or None."""
    training = model.spec.training
    checks = (
        _image(training.image, policy),
        _listed("priority class", training.priority_class_name, policy.priority_classes),
        _listed("runtime class", training.runtime_class_name, policy.runtime_classes),
        _listed("queue", training.queue_name, policy.queues),
        *(_listed("pull secret", each.name, policy.pull_secrets) for each in training.image_pull_secrets),
        _claim(model, policy),
        _projects(model, policy),
        _repos(model, policy),
        _downloads(model, policy),
    )
    return next((check for check in checks if check), None)


def _image(image: str, policy: Policy) -> str | None:
    if not image or ANYTHING in policy.images:
        return None
    if repository(image) == repository(policy.trainer_image) or image.startswith(policy.images or ("\0",)):
        return None
    return (
        f"image {image!r} is not allowed: leave training.image empty for {policy.trainer_image!r}, "
        f"or have the operator run with --allow-image {repository(image)}"
    )


def _listed(what: str, name: str, allowed: tuple[str, ...]) -> str | None:
    if not name or name in allowed or ANYTHING in allowed:
        return None
    option = "--allow-" + what.replace(" ", "-")
    return f"{what} {name!r} is not allowed: leave it out, or have the operator run with {option} {name}"


def _claim(model: ScriptModel, policy: Policy) -> str | None:
    name = model.spec.training.checkpoints.claim_name
    allowed = policy.checkpoint_claims.get(model.namespace, ())
    if not name or name == policy.checkpoint_claim or name in allowed or ANYTHING in allowed:
        return None
    return (
        f"namespace {model.namespace!r} may not use checkpoint claim {name!r}: leave training.checkpoints.claimName "
        f"empty, or have the operator run with --allow-checkpoint-claim {model.namespace}={name}"
    )


def _projects(model: ScriptModel, policy: Policy) -> str | None:
    project = model.spec.pachyderm.project
    projects = {project}
    if model.spec.corpus.repo:
        projects.add(model.spec.corpus.repo.project)
    if (base := _base_repo(model)) is not None:
        projects.add(base.project)
    allowed = policy.projects.get(model.namespace, (project,))
    refused = sorted(projects - set(allowed)) if ANYTHING not in allowed else []
    if not refused:
        return None
    differs = "" if refused[0] == project else f", which differs from spec.pachyderm.project {project!r}"
    return (
        f"namespace {model.namespace!r} may not use Pachyderm project {refused[0]!r}{differs}: use project "
        f"{allowed[0]!r}, or have the operator run with --allow-project {model.namespace}={refused[0]}"
    )


def _base_repo(model: ScriptModel) -> ModelRepo | None:
    base = model.spec.model.base
    return base.repo if base else None


def _repos(model: ScriptModel, policy: Policy) -> str | None:
    allowed = policy.repos.get(model.namespace)
    names = [repo.name for repo in (model.spec.corpus.repo, _base_repo(model)) if repo is not None]
    if allowed is None:
        return None
    refused = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in allowed)]
    if not refused:
        return None
    return (
        f"namespace {model.namespace!r} may not read repo {refused[0]!r}: use one of {', '.join(allowed)}, "
        f"or have the operator run with --allow-repo {model.namespace}={refused[0]}"
    )


def _downloads(model: ScriptModel, policy: Policy) -> str | None:
    http = model.spec.corpus.http
    hosts = [host_of(url) for url in http.urls] if http else []
    refused = [host for host in hosts if host not in map(str.lower, policy.downloads)]
    if not refused or ANYTHING in policy.downloads:
        return None
    return (
        f"URLs of host {refused[0]!r} are not allowed: use another one in corpus.http.urls, "
        f"or have the operator run with --allow-download {refused[0]}"
    )
