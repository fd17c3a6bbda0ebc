"""What is there: one shared snapshot of Pachyderm per tick and the view that each ScriptModel has of it."""
