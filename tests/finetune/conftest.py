"""The small models and documents that the tests of labelled tasks use."""

from tests.downstream.conftest import (  # noqa: F401 - fixtures
    checkpoint,
    documents_fixture,
    heldout,
    masked,
    tokens,
    write_shard_fixture,
)
