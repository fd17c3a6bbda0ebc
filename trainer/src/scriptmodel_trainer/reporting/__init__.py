"""Renders the report page of a model."""
