"""The ScriptModel type: spec, status, conditions, reasons and the names it has in Pachyderm. No I/O."""
