"""Observes Pachyderm: one shared snapshot per tick, and a view of it for each ScriptModel."""
