"""The small models of the tests of labelled tasks."""

from tests.downstream.conftest import checkpoint, masked  # noqa: F401 - fixtures
