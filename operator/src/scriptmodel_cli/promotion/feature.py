"""What the screens show of promotion."""

from collections.abc import Iterable
from typing import ClassVar

from scriptmodel_cli.feature import Feature
from scriptmodel_cli.text import Object
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id


class Promotions(Feature):
    columns = ("promotion",)
    next_steps: ClassVar = {Reason.HELD_BACK: "scriptmodel promote {name} -n {namespace}, to use its script anyway"}

    def facts(self, status: Object) -> Iterable[tuple[str, str]]:
        if found := status.get("promotion"):
            model, previous = (short_id(str(found.get(key))) for key in ("model", "previous"))
            figures = f": {found['figure']} after {found['previousFigure']}" if found.get("improvement") else ""
            yield "promotion", f"{found.get('decision')}: model {model} compared with {previous}{figures}"
