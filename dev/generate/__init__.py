"""Generates what is committed: manifests, tables of the reference, pictures of terminals."""
