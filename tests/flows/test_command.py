"""The command line: what it prints, what it refuses, and with which exit code."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from flows.arguments import STAGES
from flows.chain import NAMES, FirstStage
from flows.command import run
from tasks.failure import StageFailure, explained
from tasks.store import Store
from tests.flows import tiny

Say = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    tiny.build(folder)
    return folder


@pytest.fixture
def recipe(site: Path, tmp_path: Path) -> str:
    """A recipe file for the small site."""
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(tiny.settings_from(site)))
    return str(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--set", "clean.filters.lenght.fewest=5"], "Did you mean length? Allowed here: alphabetic_words,"),
        (["plan", "--set", "dedup.threshold=2"], "dedup.threshold: Input should be less than or equal to 1"),
        (["plan", "--recipe", "nowhere.yaml"], "recipe nowhere.yaml: No such file or directory"),
        (["plan", "--from", "clean", "--only", "dedup"], "either a stage to start from or the only stages to run"),
        (["settings", "claen"], "no setting below claen: begin with one of corpus, crawl, clean"),
        (["run", "clean", "--only", "dedup"], "here clean alone is run"),
    ],
)
def test_bad_usage_is_named_and_exits_with_2(store: Store, capsys: Say, words: list[str], said: str) -> None:
    assert run(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["bogus"], ["run", "bogus"], ["run", "--only", "bogus"], []])
def test_unknown_words_exit_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(words)
    assert left.value.code == 2


def test_the_command_line_knows_the_stages_of_the_chain() -> None:
    assert STAGES == NAMES, "the command line has its own list, so that `ls` need not load every stage"
    assert get_args(FirstStage) == ("", *NAMES)


def test_every_command_has_a_help_text(capsys: Say) -> None:
    for command in ("run", "plan", "settings", "ls", "show", "why", "query", "verify", "gc", "demo"):
        with pytest.raises(SystemExit) as left:
            run([command, "--help"])
        assert left.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 4


def test_settings_explain_themselves(capsys: Say) -> None:
    assert run(["settings", "clean.filters.length"]) == 0
    out = capsys.readouterr().out
    assert "clean.filters.length.fewest = " in out
    assert "clean.filters.language" not in out


@pytest.mark.parametrize("command", ["show", "why"])
def test_a_key_that_is_not_there_exits_with_1(store: Store, capsys: Say, command: str) -> None:
    assert run([command, "0123abc"]) == 1
    assert "no artifact with key 0123abc in" in capsys.readouterr().err


def test_a_newer_store_exits_with_1(store: Store, capsys: Say) -> None:
    store.root.mkdir()
    (store.root / "store.json").write_text('{"format": 999}')
    assert run(["ls"]) == 1
    assert "Upgrade Textmill" in capsys.readouterr().err


def test_plan_of_an_empty_store(store: Store, capsys: Say, recipe: str) -> None:
    assert run(["plan", "--recipe", recipe]) == 0
    rows = [line.split(None, 3) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate"]
    assert rows[0][2:] == ["run", "never built"]
    assert rows[1][1:] == ["depends", "on", "what crawl will give"]


@pytest.mark.prefect
@pytest.mark.xdist_group("pipeline")
class TestRuns:
    """Commands that need a Prefect server."""

    @pytest.fixture(autouse=True)
    def _server(self, prefect_server: None) -> None: ...

    def test_look_at_what_a_run_left(self, store: Store, capsys: Say, recipe: str) -> None:
        assert run(["run", "--recipe", recipe, "--only", "crawl", "--only", "extract", "--only", "clean"]) == 0
        ended = capsys.readouterr().out
        assert [line.split()[::2][:2] for line in ended.splitlines()[1:]] == [
            ["crawl", "built"], ["extract", "built"], ["clean", "built"]
        ]  # fmt: skip
        key = store.find("clean").key
        assert run(["ls"]) == 0
        assert key in capsys.readouterr().out
        assert run(["show", key[:7]]) == 0
        assert "clean.filters.length.fewest" in capsys.readouterr().out
        assert run(["why", key]) == 0
        assert f"from      extract {store.find('extract').key}" in capsys.readouterr().out
        assert run(["why", key, "--pages"]) == 0
        assert "http://tiny.test/argparse/0.html" in capsys.readouterr().out.splitlines()
        assert run(["why", "http://tiny.test/index.html"]) == 0
        assert "clean     dropped by " in capsys.readouterr().out
        assert run(["verify", "--full"]) == 0
        assert "3 artifacts, 0 problems" in capsys.readouterr().out
        victim = next(store.find("clean").folder.glob("documents/*.parquet"))
        victim.write_bytes(b"x" * victim.stat().st_size)
        assert run(["verify"]) == 0
        assert run(["verify", "--full"]) == 1
        assert f"{victim} is corrupt" in capsys.readouterr().out

    def test_one_stage_alone_on_the_newest_artifact(self, store: Store, capsys: Say, recipe: str) -> None:
        assert run(["run", "crawl", "--recipe", recipe]) == 0
        assert run(["run", "clean", "--recipe", recipe, "--input", store.find("crawl").key[:6]]) == 0
        assert run(["run", "dedup", "--recipe", recipe, "--input", "abcdef"]) == 1
        assert "no clean artifact with key abcdef" in capsys.readouterr().err

    def test_gc_keeps_the_newest_run(
        self, store: Store, capsys: Say, recipe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only = ["--only", "crawl", "--only", "extract", "--only", "clean"]
        assert run(["run", "--recipe", recipe, *only]) == 0
        old = store.find("clean").key
        assert run(["run", "--recipe", recipe, *only, "--set", "clean.filters.length.fewest=150"]) == 0
        new = store.find("clean").key
        monkeypatch.setattr("builtins.input", lambda question: "n")
        assert run(["gc"]) == 0
        assert store.manifest("clean", old) is not None, "it asks first"
        assert run(["gc", "--yes"]) == 0
        assert store.manifest("clean", old) is None
        assert store.manifest("clean", new) is not None
        assert store.manifest("crawl", store.find("crawl").key) is not None, "the newest run is made from it"
        assert run(["gc", "--yes"]) == 0
        assert "nothing to remove" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("change", "stage", "said", "mend"),
        [
            ("crawl.source.files.path=/nowhere/at/all", "crawl", "/nowhere/at/all", "crawl.source.files.path"),
            ("crawl.source.kind=web", "crawl", "no seed URL is given", "Set crawl.source.web.seeds"),
            ("clean.filters.length.fewest=100000", "clean", "the filters dropped all 65 documents; length dropped 57",
             "--set clean.filters.length.enabled=false"),
            ("pretrain.batch.rows=4096", "pretrain", "tokens", "pretrain.batch"),
        ],
    )  # fmt: skip
    def test_bad_input_exits_with_1_and_says_the_mend(
        self, store: Store, capsys: Say, recipe: str, change: str, stage: str, said: str, mend: str
    ) -> None:
        assert run(["run", "--recipe", recipe, "--set", change]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"textmill: {stage}: ")
        assert said in error
        assert mend in error
        assert not list(store.root.glob(f"{stage}/*/manifest.json")), "nothing half-published"

    def test_a_really_full_disk(self, tmp_path: Path, capsys: Say, recipe: str, small_disk: Path) -> None:
        assert run(["run", "--recipe", recipe, "--store", str(small_disk / "store")]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert "No space left on device" in error
        assert "finished shards are kept" in error
        assert list(small_disk.glob("store/crawl/*/manifest.json")), "what was finished before stays"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "textmill", str(folder)], check=False)
    if not made or made.returncode:
        pytest.skip("this user may not mount a small file system")
    monkeypatch.setenv("TEXTMILL_STORE", "")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_without_permission_is_named(tmp_path: Path, as_nobody: Callable[[], None]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    store = Store(closed / "store")
    as_nobody()
    with pytest.raises(PermissionError) as refused:
        store.draft("clean", "k")
    said = str(explained("clean", refused.value))
    assert said.startswith(f"clean: Permission denied ({closed}")
    assert "choose another folder with --store" in said
    assert isinstance(explained("clean", refused.value), StageFailure)


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Go on without the rights of root, for whom every folder is open."""

    def leave() -> None:
        if os.geteuid() == 0:
            os.seteuid(65534)

    root = os.geteuid() == 0
    yield leave
    if root:
        os.seteuid(0)
