"""Pachyderm's v2 gRPC API on one machine, for demos, tests and laptops."""

__version__ = "0.1.0"
