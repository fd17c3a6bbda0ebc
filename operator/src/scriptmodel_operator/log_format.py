"""Configures the log output of the process: text for people, JSON lines for collectors."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.api.safe_text import without_controls


class TextFormatter(logging.Formatter):
    """Formats a record as text without what a terminal would obey: a message may have text of others."""

    def format(self, record: logging.LogRecord) -> str:
        return without_controls(super().format(record))


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, with the ScriptModel that `extra={"object": key}` names."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_controls(record.getMessage()),
        }
        if about := getattr(record, "object", None):
            entry["object"] = dict(zip(("namespace", "name"), about, strict=True))
        if record.exc_info:
            entry["exception"] = without_controls(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def set_up(form: str, level: str) -> None:
    """Replace all log handlers. Only `debug` shows the messages of kopf and asyncio below a warning."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        logging.getLogger("kopf").setLevel(logging.WARNING)
        # The operator itself reports in one line why a watch ended.
        logging.getLogger("kopf._core.reactor").setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").setLevel(logging.WARNING)
