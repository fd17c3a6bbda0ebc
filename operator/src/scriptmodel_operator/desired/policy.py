"""Limits what a namespace may request: a pipeline's container can reach more of Pachyderm than its own data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from scriptmodel_operator.api.network import ModelRepo
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.urls import host_of

ANYTHING = "*"
_TAG_OR_DIGEST = re.compile(r"(:[^/:@]+)?(@[^@]+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The allow-lists of the operator's configuration; `*` allows everything.

    `projects` maps a namespace to the projects that its objects may use. A namespace that is not mapped may use any
    project for its pipelines, and corpora and base models of that project only. `repos` does the same for the repos
    that are read: names or patterns such as `plays-*`; a namespace that is not mapped may read any repo of its
    projects.
    """

    trainer_image: str = ""
    images: tuple[str, ...] = ()
    """Prefixes, in addition to other tags of the operator's own trainer image."""
    priority_classes: tuple[str, ...] = ()
    runtime_classes: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    """Kueue's queues in Pachyderm's namespace."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets in Pachyderm's namespace; an object that names one pulls images with its credentials."""
    checkpoint_claim: str = ""
    """The operator's default claim for checkpoints, which every object may name."""
    checkpoint_claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further claims by the namespace that may name them."""
    projects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    repos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    downloads: tuple[str, ...] = ()
    """Hosts that URLs of corpora may name."""


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
    refused = [name for name in names if not _matches(name, allowed)]
    if not refused:
        return None
    return (
        f"namespace {model.namespace!r} may not read repo {refused[0]!r}: use one of {', '.join(allowed or ())}, "
        f"or have the operator run with --allow-repo {model.namespace}={refused[0]}"
    )


def _matches(name: str, allowed: tuple[str, ...] | None) -> bool:
    return allowed is None or any(fnmatchcase(name, pattern) for pattern in allowed)


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
