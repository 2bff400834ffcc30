"""The command line: what it prints, what it refuses, and with which exit code."""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from flows.cli.command_line import RENAMED_COMMANDS, RENAMED_OPTIONS, run_command_line
from flows.cli.commands import load_commands
from flows.cli.stage_names import STAGE_NAMES as COMMAND_LINE_STAGES
from flows.graph import STAGE_NAMES, FirstStage
from tasks.errors import StageFailure, explain_error
from tasks.store import Store
from tests.flows import tiny

ROOT = Path(__file__).parents[3]
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


@pytest.fixture
def moods(tmp_path: Path) -> str:
    """A data set of the user, which is in order."""
    path = tmp_path / "moods.csv"
    path.write_text("text,label\n" + "".join(f"{mood} {number},{mood}\n" for mood in "ab" for number in range(99)))
    return str(path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "--set", "clean.filters.lenght.min=5"], "did you mean clean.filters.length?"),
        (["plan", "--set", "dedup.threshold=2"], "dedup.threshold = 2: give at most 1"),
        (["plan", "--recipe", "nowhere.yaml"], "recipe nowhere.yaml: No such file or directory"),
        (["plan", "--from", "clean", "--only", "dedup"], "either a stage to start from or the only stages to run"),
        (["settings", "claen"], "no setting claen: did you mean clean?"),
        (["settings", "evaluate.seed"], "no setting evaluate.seed: did you mean evaluate.seeds?"),
        (
            ["settings", "learning_rates"],
            "did you mean finetune.finetuning.learning_rates or evaluate.finetuning.learning_rates?",
        ),
        (
            ["settings", "evaluate.benchmarks.labelled_text.sets[].trian"],
            "labelled_text.sets[0].trian: did you mean evaluate.benchmarks.labelled_text.sets[0].train?",
        ),
        (
            ["settings", "evaluate.benchmarks.labelled_text.sets.trian"],
            "did you mean evaluate.benchmarks.labelled_text.sets[].train?",
        ),
        (["settings", "evaluate.seeds.x"], "did you mean evaluate.seeds?"),
        (["run", "clean", "--only", "dedup"], "here clean alone is run"),
        (["tune", "pretrain.lr=log:1e-4..1e-2"], "did you mean pretrain.optimizer.learning_rate?"),
        (["tune", "crawl.sed"], "no setting crawl.sed: did you mean crawl.source.web.seeds?"),
        (["run", "--set", "crawl.sed=1"], "no setting crawl.sed: did you mean crawl.source.web.seeds?"),
        (["plan", "--set", "pretrain.colour=1"], "no setting pretrain.colour: allowed here are architecture, "),
        (["tune", "pretrain.steps=int:1..9", "--trials", "0"], "textmill: trials = 0: give at least 1\n"),
        (["tune", "pretrain.steps=int:0..9"], "pretrain.steps = 0: give at least 1"),
        (["tune", "pretrain.steps=9"], "'pretrain.steps=9' is not of the form SETTING=log:LOW..HIGH,"),
        (["tune", "evaluate.seeds=int:1..9"], "evaluate.seeds does not change how the pretrained model is fine-tuned"),
        (["tune", "evaluate.finetuning.epochs=float:0..9"], "evaluate.finetuning.epochs = 0: give more than 0"),
        (["tune", "evaluate.finetuning.learning_rates=choice:1e-3,fast"], 'learning_rates[0] = "fast": give a number'),
    ],
)
def test_bad_usage_is_named_and_exits_with_2(store: Store, capsys: Say, words: list[str], message: str) -> None:
    assert run_command_line(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "crawl.source.files.path=/nowhere/at/all",
            "crawl: /nowhere/at/all does not exist. Correct crawl.source.files",
        ),
        ("crawl.source.kind=web", "crawl: no seed URL is given. Set crawl.source.web.seeds"),
        (
            "crawl.source={kind: web, web: {seeds: ['https://docs.example.org/']}}",
            "crawl: the seed docs.example.org is only a placeholder. Put your own seed into crawl.source.web.seeds",
        ),
        (
            "tokenize.heldout_fraction=0",
            "evaluate: tokenize.heldout_fraction is 0, and the benchmark site_section is made of held-out pages",
        ),
        ("evaluate.benchmarks.site_section.enabled=false", "evaluate: no benchmark is enabled"),
        (
            "evaluate.benchmarks.labelled_text.sets=[{name: a, train: /nowhere.csv, test: /nowhere.csv}]",
            "evaluate: evaluate.benchmarks.labelled_text.sets[0].train: the file /nowhere.csv does not exist",
        ),
        (
            "evaluate.benchmarks.labelled_text.sets=[{name: a, train: '{moods}', test: x.csv, columns: {label: l}}]",
            "evaluate: evaluate.benchmarks.labelled_text.sets[0].train: {moods}, row 1: there is no column 'l'",
        ),
        (
            (
                "evaluate.benchmarks.labelled_text.sets=[{name: a, train: '{moods}', test: '{moods}'}, "
                "{name: b, train: '{moods}', test: /nowhere.csv}]"
            ),
            "evaluate: evaluate.benchmarks.labelled_text.sets[1].test: the file /nowhere.csv does not exist",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_settings_alone_tell_is_said_before_anything_runs(
    store: Store,
    capsys: Say,
    recipe: str,
    moods: str,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    change: str,
    message: str,
) -> None:
    monkeypatch.setitem(sys.modules, "flows.cli.start_flows", None)  # no Prefect
    assert run_command_line([command, "--recipe", recipe, "--set", change.replace("{moods}", moods)]) == 2
    assert message.replace("{moods}", moods) in capsys.readouterr().err
    assert not list(store.root.glob("*/*/manifest.json"))


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        ("{folder}/file", 2, "is not a folder"),
        ("{folder}/file/below", 2, "lies below"),
        ("ftp://host/store", 2, "is not a folder, and not s3://"),
        ("/proc/nobody/may/write", 1, "cannot be written to"),
    ],
)
def test_a_bad_store_is_noticed_before_prefect_starts(
    capsys: Say, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, code: int, message: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TEXTMILL_STORE", "")
    monkeypatch.setitem(sys.modules, "flows.cli.start_flows", None)
    assert run_command_line(["run", "--recipe", recipe, "--store", address.format(folder=tmp_path)]) == code
    assert message in capsys.readouterr().err


def test_one_stage_without_its_input_is_refused_before_prefect_starts(
    store: Store, capsys: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flows.cli.start_flows", None)
    assert run_command_line(["run", "dedup"]) == 1
    assert "no clean artifact in" in capsys.readouterr().err


@pytest.mark.slow
def test_a_refusal_loads_nothing_that_is_slow(store: Store) -> None:
    refused = [["plan"], ["run", "--set", "crawl.sed=1"], ["run", "evaluate"], ["tune", "evaluate.seeds=int:1..9"]]
    slow = {"pandas", "prefect", "sacrebleu", "scipy", "sklearn", "torch", "transformers"}
    code = "import sys; from flows.cli.command_line import run_command_line; "
    code += f"print([run_command_line(words) for words in {refused}], *({slow} & set(sys.modules)))"
    completed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert completed.stdout == "[2, 2, 1, 2]\n"


def test_help_lists_the_exit_codes(capsys: Say) -> None:
    with pytest.raises(SystemExit):
        run_command_line(["--help"])
    listed = [line.split()[0] for line in capsys.readouterr().out.split("exit codes:")[1].splitlines()[1:8]]
    assert listed == ["0", "1", "2", "3", "129", "130", "143"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["query", "a text"], "query was renamed to similar; --least to --min-similarity, and --in to --artifact"),
        (["--store", "elsewhere", "search", "pretrain.steps=int:1..9"], "search was renamed to tune"),
        (["why", "0123"], "why was renamed to lineage KEY (where an artifact comes from) and trace URL"),
        (["scores", "--json"], "scores was renamed to leaderboard"),
        (["similar", "a text", "--least", "0.2"], "--least of similar was renamed to --min-similarity"),
        (["similar", "a text", "--in=0123"], "--in of similar was renamed to --artifact"),
        (["gc", "--copies"], "--copies of gc was renamed to --cache"),
    ],
)
def test_old_commands_and_options_are_refused_with_the_new_word(
    store: Store, capsys: Say, argv: list[str], message: str
) -> None:
    assert run_command_line(argv) == 2
    assert f"textmill: {message}" in capsys.readouterr().err


def test_renamed_words_lead_to_existing_ones() -> None:
    commands = load_commands()
    assert not RENAMED_COMMANDS.keys() & commands.keys()
    assert {new.split()[0] for new in RENAMED_COMMANDS.values()} <= commands.keys()
    for name, options in RENAMED_OPTIONS.items():
        parser = argparse.ArgumentParser()
        commands[name].add_arguments(parser)
        assert set(options.values()) <= set(parser.format_help().replace("]", " ").split()), name
        assert not set(options) & set(parser.format_help().replace("]", " ").split()), name


@pytest.mark.parametrize("words", [["bogus"], ["run", "bogus"], ["run", "--only", "bogus"], []])
def test_unknown_words_exit_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        run_command_line(words)
    assert exited.value.code == 2


def test_the_command_line_knows_the_stages_of_the_chain() -> None:
    assert COMMAND_LINE_STAGES == STAGE_NAMES, (
        "the command line has its own list, so that `ls` need not load every stage"
    )
    assert get_args(FirstStage) == ("", *STAGE_NAMES)


def test_every_command_has_a_help_text(capsys: Say) -> None:
    for command in load_commands():
        with pytest.raises(SystemExit) as exited:
            run_command_line([command, "--help"])
        assert exited.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 4


def test_settings_explain_themselves(capsys: Say) -> None:
    assert run_command_line(["settings", "clean.filters.length"]) == 0
    out = capsys.readouterr().out
    assert "clean.filters.length.min = " in out
    assert "clean.filters.language" not in out


def test_settings_show_the_bounds_of_their_values(capsys: Say) -> None:
    assert run_command_line(["settings", "evaluate.seeds"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("(at least 3, at most 100)")
    assert run_command_line(["settings", "tokenize.heldout_fraction"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("(at least 0, less than 1)")
    assert run_command_line(["settings", "pretrain.batch.seq_length"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("(at least 8)"), "also where null is allowed"


@pytest.mark.parametrize("path", ["evaluate.benchmarks.labelled_text.sets", "evaluate.benchmarks.labelled_text.sets[]"])
def test_what_an_item_of_a_list_has_is_listed(capsys: Say, path: str) -> None:
    assert run_command_line(["settings", path]) == 0
    out = capsys.readouterr().out
    assert "evaluate.benchmarks.labelled_text.sets[].train = (must be given)\n    path of the training file" in out
    assert 'evaluate.benchmarks.labelled_text.sets[].columns.text = ""\n' in out
    assert "similarity" not in out


@pytest.mark.parametrize("command", ["show", "lineage"])
def test_a_key_that_is_not_there_exits_with_1(store: Store, capsys: Say, command: str) -> None:
    assert run_command_line([command, "0123abc"]) == 1
    assert "no artifact with key 0123abc in" in capsys.readouterr().err


def test_a_newer_store_exits_with_1(store: Store, capsys: Say) -> None:
    store.root.mkdir()
    (store.root / "store.json").write_text('{"format": 999}')
    assert run_command_line(["ls"]) == 1
    assert "Upgrade Textmill" in capsys.readouterr().err


def test_gc_tells_of_drafts(store: Store, capsys: Say) -> None:
    draft = store.draft("clean", "0123456789abcdef").path
    assert run_command_line(["gc", "--yes"]) == 0
    out = capsys.readouterr().out
    assert f"{draft}  0 B" in out
    assert "gc --drafts removes those that no run holds" in out
    assert "nothing to remove" in out
    assert draft.exists()
    assert run_command_line(["gc", "--yes", "--drafts"]) == 0
    assert not draft.exists()
    capsys.readouterr()
    assert run_command_line(["gc", "--yes"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_plan_of_an_empty_store(store: Store, capsys: Say, recipe: str) -> None:
    assert run_command_line(["plan", "--recipe", recipe]) == 0
    rows = [line.split(None, 3) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate"]
    assert rows[0][2:] == ["run", "never built"]
    assert rows[1][1:] == ["waiting", "for", "the result of crawl"]


@pytest.mark.prefect
@pytest.mark.xdist_group("pipeline")
class TestRuns:
    """Commands that need a Prefect server."""

    @pytest.fixture(autouse=True)
    def _server(self, prefect_server: None) -> None: ...

    def test_look_at_what_a_run_left(self, store: Store, capsys: Say, recipe: str) -> None:
        assert (
            run_command_line(["run", "--recipe", recipe, "--only", "crawl", "--only", "extract", "--only", "clean"])
            == 0
        )
        ended = capsys.readouterr().out
        assert [line.split()[::2][:2] for line in ended.splitlines()[1:]] == [
            ["crawl", "built"], ["extract", "built"], ["clean", "built"]
        ]  # fmt: skip
        key = store.find("clean").key
        assert run_command_line(["ls"]) == 0
        assert key in capsys.readouterr().out
        assert run_command_line(["show", key[:7]]) == 0
        shown = capsys.readouterr().out
        assert shown.index("COUNTS") < shown.index("SETTINGS that differ") < shown.index("FILES")
        assert "clean.filters.duplicate_lines.enabled " in shown
        assert "clean.filters.length.max" not in shown, "it is at its default"
        assert run_command_line(["show", "clean", "--settings"]) == 0
        shown = capsys.readouterr().out
        assert key in shown
        assert "clean.filters.length.max" in shown
        assert run_command_line(["show", "extract"]) == 0
        assert "more at their default: --settings shows them" in capsys.readouterr().out
        assert run_command_line(["lineage", key]) == 0
        lineage = capsys.readouterr().out
        assert f"from      extract {store.find('extract').key}" in lineage
        assert f"from      what its settings name (textmill show {store.find('crawl').key})" in lineage
        assert run_command_line(["lineage", key, "--pages"]) == 0
        assert "http://tiny.test/argparse/0.html" in capsys.readouterr().out.splitlines()
        assert run_command_line(["trace", "http://tiny.test/index.html"]) == 0
        assert "clean     dropped by " in capsys.readouterr().out
        assert run_command_line(["verify", "--full"]) == 0
        assert "3 artifacts, 0 problems" in capsys.readouterr().out
        victim = next(store.find("clean").folder.glob("documents/*.parquet"))
        victim.write_bytes(b"x" * victim.stat().st_size)
        assert run_command_line(["verify"]) == 0
        assert run_command_line(["verify", "--full"]) == 1
        assert f"{victim} is corrupt" in capsys.readouterr().out

    def test_one_stage_alone_on_the_newest_artifact(self, store: Store, capsys: Say, recipe: str) -> None:
        assert run_command_line(["run", "crawl", "--recipe", recipe]) == 0
        assert run_command_line(["run", "extract", "--recipe", recipe]) == 0
        assert [manifest.stage for manifest in store.manifests()] == ["crawl", "extract"]
        assert run_command_line(["run", "clean", "--recipe", recipe, "--input", store.find("crawl").key[:6]]) == 0
        assert len(store.manifests("extract")) == 1, "what extract gave is what clean takes"
        assert run_command_line(["run", "dedup", "--recipe", recipe, "--input", "abcdef"]) == 1
        assert "no clean artifact with key abcdef" in capsys.readouterr().err

    def test_gc_keeps_the_newest_run(
        self, store: Store, capsys: Say, recipe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only = ["--only", "crawl", "--only", "extract", "--only", "clean"]
        assert run_command_line(["run", "--recipe", recipe, *only]) == 0
        old = store.find("clean").key
        assert run_command_line(["run", "--recipe", recipe, *only, "--set", "clean.filters.length.min=150"]) == 0
        new = store.find("clean").key
        with monkeypatch.context() as patch:
            patch.setattr("builtins.input", lambda question: "n")
            assert run_command_line(["gc"]) == 0
            assert store.manifest("clean", old) is not None, "it asks first"
        for nobody in (None, io.StringIO("")):
            with monkeypatch.context() as patch:
                patch.setattr("sys.stdin", nobody)
                assert run_command_line(["gc"]) == 2
            assert "give --yes to remove these" in capsys.readouterr().err
        assert store.manifest("clean", old) is not None
        assert run_command_line(["gc", "--yes"]) == 0
        assert store.manifest("clean", old) is None
        assert store.manifest("clean", new) is not None
        assert store.manifest("crawl", store.find("crawl").key) is not None, "the newest run is made from it"
        assert run_command_line(["gc", "--yes"]) == 0
        assert "nothing to remove" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("change", "stage", "message", "mend"),
        [
            ("clean.filters.length.min=100000", "clean", "the filters dropped all 65 documents; length dropped 57",
             "--set clean.filters.length.enabled=false"),
            ("pretrain.batch.batch_size=4096", "pretrain", "tokens", "pretrain.batch"),
        ],
    )  # fmt: skip
    def test_bad_input_exits_with_1_and_says_the_mend(
        self, store: Store, capsys: Say, recipe: str, change: str, stage: str, message: str, mend: str
    ) -> None:
        assert run_command_line(["run", "--recipe", recipe, "--set", change]) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"textmill: {stage}: ")
        assert message in error
        assert mend in error
        assert not list(store.root.glob(f"{stage}/*/manifest.json")), "nothing half-published"

    def test_a_really_full_disk(self, tmp_path: Path, capsys: Say, recipe: str, small_disk: Path) -> None:
        assert run_command_line(["run", "--recipe", recipe, "--store", str(small_disk / "store")]) == 1
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
    mounted = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "textmill", str(folder)], check=False)
    if not mounted or mounted.returncode:
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
    message = str(explain_error("clean", refused.value))
    assert message.startswith(f"clean: Permission denied ({closed}")
    assert "choose another folder with --store" in message
    assert isinstance(explain_error("clean", refused.value), StageFailure)


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


@pytest.mark.slow
def test_a_locale_without_unicode_changes_nothing_but_the_terminal(tmp_path: Path) -> None:
    """A summary, a recipe and the names of files are UTF-8 everywhere, and no character ends a command."""
    recipe = tmp_path / "rezept-ü.yaml"
    source = f"{{kind: files, files: {{path: '{tmp_path}/ü.html'}}}}"
    recipe.write_text(f"crawl:\n  snapshot: März-日\n  source: {source}\n", encoding="utf-8")
    (tmp_path / "ü.html").write_text("<p>x")
    kept = os.environ | {"TEXTMILL_STORE": str(tmp_path / "s")}
    for words, variables in (
        (["plan", "--only", "crawl", "--recipe", str(recipe)], {"LC_ALL": "C", "PYTHONUTF8": "0"}),
        (["settings", "clean"], {"PYTHONIOENCODING": "ascii"}),
    ):
        command = [sys.executable, "-m", "flows", *words]
        environment = kept | {"PYTHONCOERCECLOCALE": "0"} | variables
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), done
