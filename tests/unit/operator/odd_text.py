"""Text that is hard to encode."""

from __future__ import annotations

ODD = "\U0001f451 \x00\x07\t\n\r\x1b\x7f\x80\x85\x9f \u2028\u2029\ufeff\ufffe\uffff \\ud83d \"'"
"""Characters that JSON or YAML treat specially."""
