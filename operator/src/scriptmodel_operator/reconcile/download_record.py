"""Converts the record of the newest download between `status.source` and the value that decisions use. Pure."""

from __future__ import annotations

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.ingest.values import DownloadRecord, Validators, shown


def recorded_download(model: ScriptModel) -> DownloadRecord | None:
    """Return what the newest commit was made from, as the previous status has it."""
    source = model.previous.source
    if source is None:
        return None
    validators = Validators(source.etag or "", source.last_modified or "")
    return DownloadRecord(source.commit or "", source.request or "", source.sha256 or "", validators)


def source_status(model: ScriptModel, record: DownloadRecord | None) -> SourceStatus | None:
    """Return the record to write; None while the corpus has another source."""
    http = model.spec.corpus.http
    if http is None or record is None:
        return None
    return SourceStatus(
        url=shown(http.url),
        sha256=record.sha256,
        etag=record.validators.etag or None,
        last_modified=record.validators.last_modified or None,
        request=record.request,
        commit=record.commit,
    )
