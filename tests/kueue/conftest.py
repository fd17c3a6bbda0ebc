"""The cluster of `make cluster` with a release, as in tests/node."""

from tests.node.conftest import cluster, current, engine, release, runtime, token  # noqa: F401 - fixtures
