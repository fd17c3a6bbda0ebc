"""What a corpus was made from, between status and value. Pure."""

from __future__ import annotations

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.ingest.origin import Origin, Validators, shown


def told_origin(model: ScriptModel) -> Origin | None:
    """As status has it."""
    told = model.status.get("source")
    if not told:
        return None
    source = SourceStatus.model_validate(told)
    validators = Validators(source.etag or "", source.last_modified or "")
    return Origin(source.commit or "", source.request or "", source.sha256 or "", validators)


def source_status(model: ScriptModel, origin: Origin | None) -> SourceStatus | None:
    """While the source is another one, there is nothing to tell."""
    http = model.spec.corpus.http
    if http is None or origin is None:
        return None
    return SourceStatus(
        url=shown(http.url),
        sha256=origin.sha256,
        etag=origin.validators.etag or None,
        last_modified=origin.validators.last_modified or None,
        request=origin.request,
        commit=origin.commit,
    )
