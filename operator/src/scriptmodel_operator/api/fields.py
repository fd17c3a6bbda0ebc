"""What the classes of the API are made of: their base, and the types of fields that several of them have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.durations import DECIMAL_PATTERN, DURATION_PATTERN, QUANTITY_PATTERN


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for a class: (expression, message)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


class ApiModel(BaseModel):
    """Camel case outside, snake case inside; immutable; what is unknown is ignored (the API server prunes it)."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_text),
    Field(
        pattern=QUANTITY_PATTERN,
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "type": None,
            "pattern": QUANTITY_PATTERN,
        },
    ),
]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=24)]
Decimal = Annotated[str, Field(pattern=DECIMAL_PATTERN, max_length=12)]
DnsName = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
