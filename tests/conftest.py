"""What all tests share. Servers that a test needs are started by it, on 127.0.0.1, on a free port."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.store import Artifact, Draft
from tasks.store.manifest import digest_files, hash_files
from tests import object_store

# Prefect keeps the stream it finds when it sets up its logs; a test's captured one is closed when the test ends.
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM"] = "ext://sys.__stderr__"

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def make_draft(tmp_path: Path) -> Callable[..., Draft]:
    """`make_draft("clean")` gives an empty draft, as a stage gets it."""

    def make(stage: str = "stage", lineage: list[dict[str, object]] | None = None) -> Draft:
        folder = tmp_path / "drafts" / stage
        folder.mkdir(parents=True, exist_ok=True)
        return Draft(folder, lineage)

    return make


@pytest.fixture
def as_artifact() -> Callable[[Path, str], Artifact]:
    """`as_artifact(folder, "crawl")` gives a handle of a folder that a test filled."""

    def make(folder: Path, stage: str) -> Artifact:
        digest = digest_files(hash_files(folder))
        return Artifact(stage=stage, key=digest[:16], digest=digest, path=str(folder))

    return make


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`shared("sst2")` unpacks a real data set that lies beside the checkout, or skips the test."""
    unpacked: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if not (DATA / f"{name}.tar.xz").exists():
            pytest.skip(f"the data set {name} is not beside this checkout (../shared/data)")
        if name not in unpacked:
            out = tmp_path_factory.mktemp("shared")
            subprocess.run([str(DATA / "unpack.sh"), str(out), name], check=True, capture_output=True)
            unpacked[name] = out / name
        return unpacked[name]

    return unpack


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server with a database of its own, for the tests that run flows and tasks."""
    from prefect.testing.utilities import prefect_test_harness

    import flows  # noqa: F401 - sets what Prefect reads when it is first imported

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server of one's own."""
    with object_store.serving() as endpoint:
        yield endpoint


@pytest.fixture
def s3_address(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store in a new bucket, which this process can use, and an empty cache."""
    object_store.visit(monkeypatch, s3_endpoint)
    monkeypatch.setenv("TEXTMILL_CACHE", str(tmp_path / "cache"))
    return f"s3://{object_store.made_bucket(s3_endpoint)}/corpus"
