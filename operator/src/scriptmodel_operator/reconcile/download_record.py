"""Converts what is known of a corpus by URL between `status.source` and the values that decisions use. Pure."""

from __future__ import annotations

from datetime import datetime

from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import SourceStatus, UrlError
from scriptmodel_operator.ingest.values import DownloadRecord
from scriptmodel_operator.reconcile.state import KnownSource


def recorded_download(model: ScriptModel) -> DownloadRecord | None:
    """Return what the newest commit was made from, as the previous status has it."""
    source = model.previous.source
    if source is None or source.commit is None:
        return None
    checked, changed = (
        datetime.fromisoformat(text) if text else None for text in (source.last_check_time, source.last_change_time)
    )
    return DownloadRecord(source.commit, source.request or "", checked, changed)


def source_status(model: ScriptModel, known: KnownSource) -> SourceStatus | None:
    """Return the record and the errors to write; None while the corpus has another source."""
    if model.spec.corpus.http is None:
        return None
    errors = [UrlError(url=url, message=message) for url, message in known.errors.items()]
    record = known.record
    if record is None:
        return SourceStatus(errors=errors)
    return SourceStatus(
        commit=record.commit,
        request=record.request,
        last_check_time=timestamp(record.checked) if record.checked else None,
        last_change_time=timestamp(record.changed) if record.changed else None,
        errors=errors,
    )
