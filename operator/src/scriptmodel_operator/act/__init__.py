"""Defines what can be done in an engine, as values, and does it."""
