"""The small models that the commands use."""

from tests.downstream.conftest import checkpoint, masked  # noqa: F401 - fixtures
