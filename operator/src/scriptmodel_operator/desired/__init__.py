"""Derives the desired pipelines, commands and digests from a spec. Pure."""
