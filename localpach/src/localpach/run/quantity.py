"""Kubernetes quantities such as `128Mi`."""

import re

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([eE][+-]?[0-9]+)|(m|[kMGTPE]|[KMGTPE]i)?)")
_FACTORS: dict[str | None, float] = {
    None: 1.0,
    "m": 0.001,
    **{unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)},
}


def parse_quantity(text: str) -> int | None:
    """Return the number of bytes, or None for an invalid quantity, which the real server ignores too."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    number, exponent, unit = match.groups()
    return int(float(number + (exponent or "")) * _FACTORS[unit])
