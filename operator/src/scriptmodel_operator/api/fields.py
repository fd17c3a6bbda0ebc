"""Defines the base class of the API, and the field types that several of its classes share."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.durations import CPU_PATTERN, DECIMAL_PATTERN, DURATION_PATTERN, MEMORY_PATTERN

_SUBDOMAIN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
DNS_NAME_PATTERN = f"^{_SUBDOMAIN}$"
LABEL_KEY_PATTERN = f"^({_SUBDOMAIN}/)?{_LABEL_NAME}$"
LABEL_VALUE_PATTERN = f"^({_LABEL_NAME})?$"
RESOURCE_NAME_PATTERN = f"^{_SUBDOMAIN}/{_LABEL_NAME}$"
PROJECT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
PROJECT_WORDS = "letters, digits, _ and -, with a letter or digit first"
MAX_LABEL_KEY = 317
_ITSELF = "self"


Rule = tuple[str, str]
"""A rule in CEL, and what the API server says of a value that breaks it."""


def rules(*found: Rule, shown: str = "") -> dict[str, Any]:
    """Return rules for a class or a field.

    `shown` is an expression for the value in messages; without it, the API server shows the type only.
    """
    made = [{"rule": cel, "message": message} for cel, message in found]
    if shown:
        made = [{**each, "messageExpression": f"'{each['message']}, not ' + {shown}"} for each in made]
    return {"x-kubernetes-validations": made}


def must_match(pattern: str, message: str, form: str = "") -> Rule:
    """Return the rule that a string matches `pattern`. One that does not match `form` is left to another rule."""
    cel = f"self.matches(r'{pattern}')"
    if form:
        cel = f"!self.matches(r'{form}') || {cel}"
    return cel, message


def formatted(pattern: str, expected: str, **limits: Any) -> Any:
    """Return a string field with a pattern; the API server reports what was `expected` instead of the pattern."""
    rule = must_match(pattern, f"must be {expected}")
    return Field(pattern=pattern, json_schema_extra=rules(rule, shown=_ITSELF), **limits)


def shortest(number: str) -> str:
    """Return the form that all notations of a number share: `0.8` for `0.80` and `8e-1`; a word stays as it is."""
    if not re.fullmatch(DECIMAL_PATTERN, number):
        return number
    written = format(Decimal(number), "f") if "e" in number.lower() else number
    whole, _, fraction = written.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


AS_DECIMAL = AfterValidator(shortest)
"""Makes equal numbers equal text, so that digests and commands are the same. Must follow `decimal` in an annotation."""


class ApiModel(BaseModel):
    """Base class: camel case on the wire, snake case in Python; immutable; unknown fields are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", use_attribute_docstrings=True
    )


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _quantity(pattern: str, expected: str) -> Any:
    """Return a field for a quantity, which may also be a number, as in Kubernetes."""
    rule = f"string(self).matches(r'{pattern}')", f"must be {expected}"
    return Field(
        pattern=pattern,
        max_length=20,
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "type": None,
            **rules(rule, shown="string(self)"),
        },
    )


Cpu = Annotated[str, BeforeValidator(_text), _quantity(CPU_PATTERN, "a number of cores such as 2, 0.5 or 500m")]
Memory = Annotated[str, BeforeValidator(_text), _quantity(MEMORY_PATTERN, "an amount of memory such as 512Mi or 4Gi")]


def duration(*more: tuple[str, str]) -> Any:
    """Return a field for a duration; `more` has patterns that it must match as well, each with its message."""
    form = must_match(DURATION_PATTERN, "must be a duration such as 90s, 30m, 6h or 1h30m")
    ranges = [
        must_match(pattern, message, DURATION_PATTERN) for pattern, message in (("[1-9]", "must be more than 0"), *more)
    ]
    return Field(
        pattern=DURATION_PATTERN, min_length=2, max_length=24, json_schema_extra=rules(form, *ranges, shown=_ITSELF)
    )


Duration = Annotated[str, duration()]


def decimal(*, above: float | None = None, at_least: float | None = None, at_most: float | None = None) -> Any:
    """Return a field for a non-negative number, which is a string by Kubernetes' API conventions."""
    limits = ((">", above, "above"), (">=", at_least, "at least"), ("<=", at_most, "at most"))
    ranges = [_compared(sign, limit, words) for sign, limit, words in limits if limit is not None]
    form = must_match(DECIMAL_PATTERN, 'must be a number in quotes such as "0.8" or "1e-3"')
    return Field(pattern=DECIMAL_PATTERN, max_length=12, json_schema_extra=rules(form, *ranges, shown=_ITSELF))


def _compared(sign: str, limit: float, words: str) -> Rule:
    """Return the rule that a number is on one side of a limit; anything else is left to another rule."""
    return f"!self.matches(r'{DECIMAL_PATTERN}') || double(self) {sign} {limit:.2f}", f"must be {words} {limit:g}"


DnsName = Annotated[str, formatted(DNS_NAME_PATTERN, "a name of lower case letters, digits, - and .", max_length=253)]
OptionalDnsName = Annotated[
    str, formatted(f"^$|{DNS_NAME_PATTERN}", "a name of lower case letters, digits, - and .", max_length=253)
]
MAX_SEED = 2**31 - 1
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
