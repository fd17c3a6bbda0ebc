"""Text that is hard to encode."""

ODD = "\U0001f451 \x00\x07\t\n\r\x1b\x7f\x80\x85\x9f \u2028\u2029\ufeff\ufffe\uffff \\ud83d \"'"
"""Characters that JSON or YAML treat specially."""
HOSTILE = "4\x1b]0;pwned\x07\x1b[31m0\x004\r\n2026-01-01 ERROR forged \u202e\x9b2J" + 3_000 * "x"
"""What a web server may answer: it names a terminal, forges a line of the log, and does not end."""
SHOWN = "404 2026-01-01 ERROR forged 2Jxxx"
"""How a message shows the beginning of it."""
