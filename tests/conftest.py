"""What all tests share. Servers that a test needs are started by it, on 127.0.0.1, on a free port."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from tasks.runtime.log_once import logged_lines
from tasks.store import Artifact, Draft
from tasks.store.manifest import digest_files, hash_files
from tests import object_store

# Prefect keeps the stream it finds when it sets up its logs; a test's captured one is closed when the test ends.
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM"] = "ext://sys.__stderr__"

TESTS = Path(__file__).parent
DATA = TESTS.parents[1] / "shared" / "data"

# fixture → the marker of every test that uses it
MARKER_OF_FIXTURE = {
    "prefect_server": "prefect",
    "site": "slow",
    "s3_endpoint": "slow",
    "as_two_ranks": "slow",
    "killed_after": "long",
}
NOT_QUICK = ("slow", "prefect")
# what is tested there are loops over arrays, compiled to machine code at their first use
KERNEL_FOLDERS = ("clean", "dedup", "tokenize")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from walking over torch, transformers and Prefect again and again.

    While they are imported it takes a quarter of the time, and in each test it would look at all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of fixtures that start processes or servers, and keep quick tests of a file on one worker.

    So its fixtures are made once, and kernels, which are compiled at their first use, are compiled by one worker.
    Other tests take long enough to be handed out one by one.
    """
    for item in items:
        for fixture, marker in MARKER_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
        if item.get_closest_marker("long"):
            item.add_marker("slow")  # `-m "not slow and not prefect"` need not name it
        if is_quick(item):
            path = item.path.relative_to(TESTS)
            group = path.parts[0] if path.parts[0] in KERNEL_FOLDERS else path.as_posix()
            item.add_marker(pytest.mark.xdist_group(group))


def is_quick(item: pytest.Item) -> bool:
    """Tell whether a test is one of `pytest -m "not slow and not prefect"`."""
    return not any(item.get_closest_marker(marker) for marker in NOT_QUICK)


@pytest.fixture(autouse=True)
def refuse_unmarked_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a quick test that starts a Python process: `pytest -m "not slow and not prefect"` has to stay quick."""
    if not is_quick(request.node):
        return
    start = subprocess.Popen.__init__

    def refuse(*_: object) -> None:
        pytest.fail("this test starts a process: mark it slow")

    def start_other_programs(process: Any, command: Any, *args: Any, **named: Any) -> None:
        if not isinstance(command, str) and command and str(command[0]) == sys.executable:
            refuse()
        start(process, command, *args, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_other_programs)
    monkeypatch.setattr(BaseProcess, "start", refuse)


@pytest.fixture(autouse=True)
def forget_logged_lines() -> None:
    """What one test had logged, the next may log again."""
    logged_lines.clear()


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
