"""Every command and every Python example of README.md and docs/ runs, on the tests' tiny site.

One test a page. A page's blocks run in order, in a folder of their own, on a copy of a store in which a small run is
finished. What cannot run here says so in the page, in a comment before the block: `<!-- not run: reason -->`.
"""

import contextlib
import io
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli.command_line import run_command_line
from flows.demo_site import serve_site
from flows.graph import walk_stages
from flows.growing_corpus import PreviousArtifacts
from tasks.block import Block
from tasks.stage import Stage
from tasks.store import Artifact, Store
from tests.docs.blocks import PAGES, ROOT, CodeBlock, read_blocks
from tests.docs.sandbox import make_small, replace_examples, split_command, write_sandbox
from tests.flows import tiny

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("docs"), pytest.mark.timeout(900)]

RUNNABLE = {"bash", "python", "yaml"}


def mark_page(page: Path) -> Any:
    """A page as a test's parameter; one that runs the complete pipeline, or tunes, makes a long test."""
    commands = [command for block in read_blocks(page) if not block.reason for command in block.commands()]
    is_long = any(
        command.startswith("textmill tune") or (command.startswith("textmill run --") and "--only" not in command)
        for command in commands
    )
    return pytest.param(page, id=page.relative_to(ROOT).as_posix(), marks=[pytest.mark.long] * is_long)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    tiny.build(folder)
    return folder


@pytest.fixture(scope="module")
def site(pages: Path) -> Iterator[str]:
    with serve_site(pages, 0) as address:
        yield address


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, site: str) -> Path:
    """A store in which the complete chain has run once, built without Prefect."""
    store = Store(tmp_path_factory.mktemp("finished") / "store")
    recipe = tiny.recipe(tiny.settings_at(site))

    def step(stage: Stage[Any], settings: Block, *inputs: Artifact) -> Artifact:
        spec = stage.build_spec(settings, *inputs)
        draft = store.draft(stage.name, spec.expected_key, spec.inputs)
        stage.build(settings, draft, *inputs)
        return store.publish(spec, draft, time.time())

    walk_stages(recipe, step, PreviousArtifacts(), lambda _: False)
    store.record_run(recipe.model_dump(mode="json"), list(store.newest_artifacts().values()))
    return store.root


@pytest.mark.parametrize("page", [mark_page(page) for page in PAGES])
def test_the_commands_of_a_page_run(
    page: Path,
    finished: Path,
    site: str,
    pages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prefect_server: None,
) -> None:
    blocks = [block for block in read_blocks(page) if block.language in RUNNABLE and not block.reason]
    if not blocks:
        pytest.skip("no command on this page")
    shutil.copytree(finished, tmp_path / "store")
    write_sandbox(tmp_path, site, pages)
    (tmp_path / "mine.yaml").write_text((tmp_path / "deployments/recipes/domain.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    for block in blocks:
        if block.file:
            (tmp_path / block.file).write_text(make_small(block.text, site, pages))
        elif block.language == "python":
            run_example(block)
        else:
            for command in block.commands():
                run_shell_command(block, replace_examples(command, site, pages))


def run_shell_command(block: CodeBlock, command: str) -> None:
    """Run one command; `textmill` runs in this process, as its start takes seconds."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        if command.startswith("textmill "):
            code = run_command_line(split_command(command))
        else:
            done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
            code = done.returncode
            output.write(done.stdout + done.stderr)
    assert code == 0, f"{block}: {command}\nended with {code}:\n{output.getvalue()[-2000:]}"


def run_example(block: CodeBlock) -> None:
    """Run one Python block, which shares nothing with the others."""
    try:
        exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})
    except Exception as error:
        error.add_note(f"in the example {block}")
        raise
