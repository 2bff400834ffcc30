"""The data stages on a store in an object store: killed, gone on with on another machine, looked at."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from tasks.store import Store
from tests.flows import tiny

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("pipeline")]

ROOT = Path(__file__).parents[2]
ONLY = ("crawl", "extract", "clean", "dedup")
Say = pytest.CaptureFixture[str]


@pytest.fixture
def words(tmp_path: Path, prefect_server: None) -> list[str]:
    """The command that runs the data stages on the small site."""
    (tmp_path / "site").mkdir()
    tiny.build(tmp_path / "site")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(tiny.settings_from(tmp_path / "site")))
    return ["run", "--recipe", str(recipe), *(word for name in ONLY for word in ("--only", name))]


def start_command(words: list[str], address: str, cache: Path) -> subprocess.Popen[bytes]:
    """A command on a machine of its own, that is with its own cache, on the test's Prefect server."""
    from prefect.settings import PREFECT_API_URL

    cache.mkdir(exist_ok=True)
    env = {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PYTHONPATH": str(ROOT),
        "TEXTMILL_CACHE": str(cache),
    }
    command = [sys.executable, "-m", "flows", *words, "--store", address]
    return subprocess.Popen(command, cwd=cache, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_killed_here_it_goes_on_elsewhere_and_then_all_is_cached(
    words: list[str], s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    monkeypatch.setattr("tasks.store.s3_lock.EXPIRY_SECONDS", 1.0)
    monkeypatch.setenv("TEXTMILL_STORE", s3_address)
    store = Store.current()
    objects = store.backend.objects  # type: ignore[union-attr]
    first = start_command(words, s3_address, tmp_path / "a")
    deadline = time.monotonic() + 120
    while not [name for name in objects.list_objects("extract/") if "/.finished/" in name]:
        assert first.poll() is None, first.stdout.read().decode() if first.stdout else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert [manifest.stage for manifest in store.manifests()] == ["crawl"], "nothing half-published"

    assert run_command_line(words) == 0  # here, on another machine
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]] == ["cached", *["built"] * 3]
    assert [manifest.stage for manifest in store.manifests()] == list(ONLY)
    key = store.find("dedup").key

    with monkeypatch.context() as patch:
        patch.setenv("TEXTMILL_CACHE", str(tmp_path / "c"))
        assert run_command_line(words) == 0
        assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]] == ["cached"] * 4
        assert not list((tmp_path / "c").rglob("*.parquet")), "what is cached is not fetched"

    for command, message in (
        (["ls"], key),
        (["show", key[:7]], f"folder    {s3_address}/dedup/{key}"),
        (["lineage", key], f"from      clean {store.find('clean').key}"),
        (["lineage", key, "--pages"], "http://tiny.test/argparse/0.html"),
        (["trace", "http://tiny.test/index.html"], "clean     dropped by "),
        (["verify", "--full"], "4 artifacts, 0 problems"),
        (["plan", "--recipe", words[2]], "tokenize"),
        (["run", "dedup", "--recipe", words[2]], "cached"),
        (["similar", "words that stand nowhere on these pages"], "no document is that similar"),
        (["gc"], "nothing to remove"),
    ):
        assert run_command_line(command) == 0
        assert message in capsys.readouterr().out
    damaged = next(name for name in objects.list_objects("clean/") if "/documents/" in name)
    objects.write(damaged, b"")
    assert run_command_line(["verify"]) == 1
    assert f"{s3_address}/{damaged} is corrupt: 0 bytes" in capsys.readouterr().out
    assert run_command_line(words) == 0
    assert run_command_line(["verify", "--full"]) == 0


def test_a_store_that_cannot_be_reached_exits_with_1(s3_address: str, capsys: Say) -> None:
    assert run_command_line(["ls", "--store", "s3://nowhere/at/all"]) == 1
    assert "there is no bucket nowhere. Make it, or correct --store" in capsys.readouterr().err
