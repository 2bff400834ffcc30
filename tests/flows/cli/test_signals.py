"""Ctrl-C, SIGTERM and kill -9 at a command: it ends soon and clearly, nothing that it started stays, and it goes on."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flows.recipe import load_recipe
from tasks.crawl.task import crawl
from tasks.store import Draft
from tests.crawl.conftest import Site
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
PAGES = 60
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of some pages that takes its time."""
    with Site().serving() as serving:
        for n in range(PAGES):
            links = [f"/a/{m}" for m in (2 * n + 1, 2 * n + 2) if m < PAGES]
            serving.pages[f"/a/{n}"] = serving.page(*links, text=f"page {n}", wait=0.1)
        yield serving


@pytest.fixture
def start(site: Site, tmp_path: Path) -> Iterator[Started]:
    """`start(PREFECT_API_URL=…)` crawls the site with the command line, in a process group of its own."""
    file = tmp_path / "recipe.json"
    web = {"seeds": [site.url("/a/0")], "max_concurrency_per_host": 2, "delay": 0, "autothrottle_target": 0}
    file.write_text(json.dumps({"crawl": {"source": {"kind": "web", "web": web}}}))
    words = ["--store", str(tmp_path / "store"), "run", "--recipe", str(file), "--only", "crawl"]
    started: list[subprocess.Popen[str]] = []

    def run(**environment: str) -> subprocess.Popen[str]:
        env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-m", "flows", *words]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=env, text=True, stdout=pipe, stderr=pipe, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_until_under_way(process: subprocess.Popen[str], site: Site, pages: int) -> list[psutil.Process]:
    """Wait until the site was asked for so many pages; what the command has started by then."""

    def asked_enough() -> bool:
        assert process.poll() is None, process.communicate()
        return site.asked().total() >= pages

    wait_until(asked_enough, 120)
    return psutil.Process(process.pid).children(recursive=True)


def list_still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end."""
    alive = psutil.wait_procs(processes, timeout=60)[1]
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.long
def test_an_interrupted_crawl_goes_on_and_leaves_nothing_behind(start: Started, site: Site, tmp_path: Path) -> None:
    """Ctrl-C in a terminal, which all processes of the command's group get; the Prefect server is its own."""
    process = start(PREFECT_API_URL="")
    children = wait_until_under_way(process, site, 12)
    assert any("prefect_server.py" in " ".join(child.cmdline()) for child in children)
    os.killpg(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]  # a few seconds, on a machine that has nothing else to do
    assert process.returncode == 130, stderr
    assert list_still_running(children) == []
    assert_clear_message(stderr)
    before = site.asked()
    [draft] = (tmp_path / "store" / "crawl").glob(".draft-*")
    settings = load_recipe(tmp_path / "recipe.json").crawl
    crawl.build(settings, Draft(draft))
    again = [path for path, count in site.asked().items() if path.startswith("/a/") and count > before[path] > 0]
    assert len(again) <= settings.source.chosen.max_concurrency_per_host, "only what was under way is asked for again"
    assert len([path for path in site.asked() if path.startswith("/a/")]) == PAGES


def assert_clear_message(stderr: str) -> None:
    """One line says what was kept and how to go on, and there is no traceback."""
    [line] = [text for text in stderr.splitlines() if text.startswith("textmill:")]
    assert line.startswith("textmill: interrupted; crawl: ")
    assert re.search(r" answers kept: \d+, known URLs that wait: \d+\. To continue: textmill --store ", line)
    assert "Traceback" not in stderr


@pytest.mark.long
@pytest.mark.prefect
@pytest.mark.xdist_group("pipeline")
def test_sigterm_is_as_clean(prefect_server: None, start: Started, site: Site) -> None:
    from prefect.settings import PREFECT_API_URL

    process = start(PREFECT_API_URL=str(PREFECT_API_URL.value()))
    wait_until_under_way(process, site, 8)
    process.send_signal(signal.SIGTERM)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 143, stderr
    assert_clear_message(stderr)


@pytest.mark.long
def test_a_killed_command_leaves_no_server(start: Started, site: Site) -> None:
    process = start(PREFECT_API_URL="")
    children = wait_until_under_way(process, site, 1)
    process.kill()
    process.communicate(timeout=60)
    assert list_still_running(children) == []


def start_listener(program: str) -> subprocess.Popen[str]:
    """A program that listens for signals as `textmill run` does; it says when it is ready for one."""
    head = "import hashlib, time; from flows.cli import signals; signals.SECONDS_TO_REACT = 0.5\n"
    listen = "handler = signals.SignalHandler(['run', '--only', 'crawl'])\n"
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", head + listen + program], cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    )
    expect_line(process, "ready")
    return process


def expect_line(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


@pytest.mark.slow
def test_a_library_that_does_not_come_back_is_not_waited_for() -> None:
    process = start_listener("print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'x', b'y', 2_000_000_000)")
    spent = psutil.Process(process.pid).cpu_times
    before = spent().user
    wait_until(lambda: spent().user > before + 0.3)  # it is in there
    process.send_signal(signal.SIGTERM)
    stderr = process.communicate(timeout=90)[1]
    assert process.returncode == 143
    assert stderr.strip() == "textmill: interrupted; what was finished is kept. To continue: textmill run --only crawl"


@pytest.mark.slow
def test_a_second_signal_ends_at_once() -> None:
    process = start_listener("""
try:
    print('ready', flush=True)
    time.sleep(600)
finally:
    signals.SAME_SIGNAL_SECONDS = 600
    print('clean', flush=True)
    input()
    signals.SAME_SIGNAL_SECONDS = 0
    print('alive', flush=True)
    time.sleep(600)
""")
    process.send_signal(signal.SIGINT)
    expect_line(process, "clean")
    process.send_signal(signal.SIGINT)  # so soon it counts as the same one
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    expect_line(process, "alive")
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=90)[1]
    assert process.returncode == 130
    assert "To continue: textmill run --only crawl" in stderr


@pytest.mark.slow
def test_what_is_shared_is_given_back_in_silence() -> None:
    process = start_listener("""
import multiprocessing
lock = multiprocessing.get_context("spawn").Lock()
try:
    print("ready", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    handler.prepare_exit()
""")
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=90)[1]
    assert (process.returncode, stderr) == (130, "")
