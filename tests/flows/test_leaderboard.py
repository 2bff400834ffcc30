"""The leaderboard and the gate, on a store whose models were never trained: only what evaluations leave is there."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flows.cli.command_line import run_command_line
from flows.leaderboard import load_leaderboard, map_previous_evaluations
from flows.promotion import apply_gate, describe_gate_result, finish_evaluated_run
from flows.recipe import Recipe, load_recipe
from tasks.errors import StageFailure
from tasks.store.manifest import ArtifactRef, BuildSpec
from tasks.store.store import Artifact, Store, corpus_slug

TEXTS = 150
HARDNESS = np.random.default_rng(0).random(TEXTS)
Say = pytest.CaptureFixture[str]


def publish_artifact(
    store: Store, stage: str, inputs: tuple[ArtifactRef, ...], version: int = 1, **fields: Any
) -> Artifact:
    answers = fields.pop("answers", None)
    wanted = BuildSpec(stage=stage, version=version, settings=fields, semantic=fields, inputs=inputs, fingerprint="f")
    draft = store.draft(stage, wanted.expected_key, inputs)
    with draft.write("made.txt") as path:
        path.write_text(json.dumps(fields))
    if answers is not None:
        with draft.write("answers.parquet") as path:
            answers.write_parquet(path)
    return store.publish(wanted, draft, time.time())


def make_answers(ability: float, texts: range) -> pl.DataFrame:
    rng = np.random.default_rng(int(ability * 100))
    right = rng.normal(ability, 0.1, (len(texts), 3)) > HARDNESS[: len(texts), None]
    parts = [[[float(hit), 1.0] for hit in row] for row in right]
    table = pl.DataFrame({"text": list(texts), "parts": parts}, schema_overrides={"text": pl.UInt64})
    columns = {"benchmark": "news", "budget": "8 labels a class", "metric": "accuracy", "function": "mean"}
    named = {name: pl.lit(value) for name, value in (columns | {"data": str(texts)}).items()}
    return table.with_columns(labels=pl.lit(8, pl.Int32), **named)


class Nights:
    """Makes the runs of a corpus."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(
        self, snapshot: str, ability: float, texts: range = range(TEXTS), corpus: str = "tiny", **other: Any
    ) -> Artifact:
        """One run, whose model is right in this share of the test texts. What it ends with: the evaluation."""
        version, epochs = other.pop("version", 4), other.pop("epochs", 1)
        pages = publish_artifact(self.store, "crawl", (), snapshot=snapshot)
        model = publish_artifact(self.store, "pretrain", (pages.ref,), ability=ability)
        tried = publish_artifact(self.store, "evaluate", (model.ref,), version, finetuning={"epochs": epochs},
                          answers=make_answers(ability, texts))  # fmt: skip
        dated = make_recipe(snapshot, corpus=corpus)
        self.store.record_run(dated.model_dump(mode="json"), [pages, model, tried])
        return tried

    def gated(self, snapshot: str, ability: float, texts: range = range(TEXTS), **other: Any) -> str:
        """The same, and what the gate says of it."""
        changes = other.pop("changes", [])
        tried = self(snapshot, ability, texts, **other)
        return apply_gate(self.store, make_recipe(snapshot, *changes), tried).message


def make_recipe(snapshot: str, *changes: str, corpus: str = "tiny") -> Recipe:
    return load_recipe(None, [f"corpus={json.dumps(corpus)}", f"crawl.snapshot={snapshot}", *changes])


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Nights(Store.current())


def find_best_key(store: Store, corpus: str = "tiny") -> str:
    best = store.best(corpus)
    assert best is not None
    return best.model.key


def test_better_and_equal_models_become_the_best_and_worse_ones_do_not(night: Nights) -> None:
    assert night.gated("monday", 0.6).endswith("is the first model")
    first = find_best_key(night.store)
    assert re.search("is the best model now .*not significantly worse", night.gated("tuesday", 0.61))
    second = find_best_key(night.store)
    assert second != first
    message = night.gated("wednesday", 0.4)
    assert re.search(rf"NOT PROMOTED: .* worse than the best model, pretrain {second}: news with 8 labels", message)
    assert find_best_key(night.store) == second
    worse = night.store.find("evaluate").key
    assert describe_gate_result(night.store, worse).startswith("NOT PROMOTED")
    assert "is the best model now" in night.gated("thursday", 0.7)
    assert (
        describe_gate_result(night.store, night.store.find("evaluate").key)
        == f"best: pretrain {find_best_key(night.store)}"
    )
    assert describe_gate_result(night.store, worse).startswith("NOT PROMOTED"), "the mark stays"


def test_a_rerun_says_the_same_and_an_older_model_takes_no_place(night: Nights) -> None:
    older = night("sunday", 0.6)
    night.gated("monday", 0.6001)
    assert night.gated("monday", 0.6001).endswith("is the best model")
    kept = find_best_key(night.store)
    assert apply_gate(night.store, make_recipe("sunday"), older).message.endswith(
        f"the best model, pretrain {kept}, is newer"
    )
    assert find_best_key(night.store) == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"changes": ["evaluate.gate.tolerance=0.5"]}, "not significantly worse"),
        ({"changes": ["evaluate.gate.enabled=false"]}, "worse, but the gate is off"),
        ({"epochs": 2}, "other settings of fine-tuning"),
        ({"version": 5}, r"another version of evaluate \(4\)"),
        ({"texts": range(1000, 1000 + TEXTS)}, "too few common texts"),
    ],
)
def test_what_lets_a_worse_model_past_is_said(night: Nights, change: dict[str, Any], message: str) -> None:
    night.gated("monday", 0.6)
    assert re.search(rf"is the best model now .*{message}", night.gated("tuesday", 0.4, **change))


def test_a_model_that_is_let_past_later_loses_its_mark(night: Nights) -> None:
    night.gated("monday", 0.6)
    assert night.gated("tuesday", 0.4).startswith("NOT PROMOTED")
    night.gated("tuesday", 0.4, changes=["evaluate.gate.enabled=false"])
    night.gated("wednesday", 0.7)
    assert [entry.mark for entry in load_leaderboard(night.store, 9)] == ["", "", "best"]


def test_another_evaluation_of_the_best_model_stands_for_it(night: Nights) -> None:
    night.gated("monday", 0.6)
    again = night("monday", 0.6, epochs=2)
    assert apply_gate(night.store, make_recipe("monday"), again).message.endswith("is the best model")
    best = night.store.best("tiny")
    assert best is not None
    assert best.evaluation == again.ref


def test_every_corpus_has_its_own_best_model_whatever_it_is_called(night: Nights) -> None:
    for name in ("a/b", "", "@alone", ".."):
        tried = night("monday", 0.5 + len(name) / 100, corpus=name)
        apply_gate(night.store, make_recipe("monday", corpus=name), tried)
    assert {best.corpus for best in night.store.best_models()} == {"a/b", "", "@alone", ".."}
    assert corpus_slug("a/b") == "a%2Fb"
    assert [manifest.stage for manifest in night.store.manifests()].count("evaluate") == 4


def test_clearing_up_keeps_the_best_model(night: Nights, capsys: Say) -> None:
    night.gated("monday", 0.6)
    kept = find_best_key(night.store)
    night.gated("tuesday", 0.4)
    night.gated("wednesday", 0.3)
    assert run_command_line(["gc", "--yes"]) == 0
    assert kept in {manifest.key for manifest in night.store.manifests("pretrain")}
    assert len(night.store.manifests("pretrain")) == 2, "the best and the newest"


def test_the_leaderboard(night: Nights, capsys: Say) -> None:
    for name, ability in (("monday", 0.5), ("tuesday", 0.8), ("wednesday", 0.6)):
        night.gated(name, ability)
    night("elsewhere", 0.9, range(1000, 1000 + TEXTS), corpus="other")
    old = night("old", 0.9, corpus="other", version=3)
    assert run_command_line(["leaderboard"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "news, 8 labels a class (accuracy)"
    assert printed[1].split()[:4] == ["MODEL", "CORPUS", "SNAPSHOT", "TRAINED"]
    table = printed[2:6]
    assert [line.split()[2] for line in table] == ["elsewhere", "tuesday", "wednesday", "monday"], (
        "the best score first"
    )
    assert re.search(rf" {TEXTS} +8\d\.\d \(.* … .*\) +the first +-$", table[0])
    assert re.search(r"\+[23]\d\.\d \(\+2\d\.\d … \+3\d\.\d\) +yes +best$", table[1])
    assert re.search(r"-[12]\d\.\d \(.*\) +yes +worse$", table[2])
    assert re.search(r"the first +-$", table[3])
    assert f"best of tiny: {night.store.root}/pretrain/{find_best_key(night.store)}" in printed
    assert any("is worse: news with 8 labels a class: -" in line for line in printed[6:])
    assert any(line.startswith(f"left out: evaluate {old.key} (made by an earlier version") for line in printed)


def test_the_leaderboard_for_programs(night: Nights, capsys: Say) -> None:
    night.gated("monday", 0.5)
    last = night("tuesday", 0.8, range(50, 50 + TEXTS))
    assert run_command_line(["leaderboard", "--json", "--last", "1"]) == 0
    leaderboard = json.loads(capsys.readouterr().out)
    assert leaderboard["best"][0]["corpus"] == "tiny"
    assert Path(leaderboard["best"][0]["folder"]) == night.store.find("pretrain", find_best_key(night.store)).folder
    (model,) = leaderboard["models"]
    assert (model["evaluation"], model["snapshot"], model["mark"]) == (last.key, "tuesday", "")
    (score,) = model["scores"]
    assert score["low"] < score["score"] < score["high"]
    assert score["metric"] == "accuracy"
    assert (score["change"]["texts"], score["change"]["same_samples"]) == (TEXTS - 50, False)


def test_an_empty_store_has_no_leaderboard(night: Nights, capsys: Say) -> None:
    assert run_command_line(["leaderboard"]) == 0
    assert "holds no evaluation" in capsys.readouterr().out
    old = night("monday", 0.5, version=3)
    assert run_command_line(["leaderboard"]) == 0
    assert f"left out: evaluate {old.key}" in capsys.readouterr().out
    assert run_command_line(["leaderboard", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"best": [], "models": [], "left_out": [old.key]}
    assert run_command_line(["leaderboard", "--last", "0"]) == 2


def test_the_snapshot_before_is_the_one_that_the_run_added_to(night: Nights) -> None:
    one, two = night("monday", 0.5), night("tuesday", 0.6)
    night("wednesday", 0.6)  # brought nothing: the same evaluation
    three = night("thursday", 0.7)
    again = night("tuesday", 0.65)  # other settings, later
    night("monday", 0.9, corpus="")
    assert map_previous_evaluations(night.store.runs()) == {two.key: one.key, three.key: two.key, again.key: one.key}


def test_an_evaluation_that_is_gone_is_said(night: Nights) -> None:
    first = night("monday", 0.5)
    night("tuesday", 0.6)
    (night.store.root / "evaluate" / first.key / "manifest.json").unlink()
    (only,) = load_leaderboard(night.store, 9)
    assert (only.previous, only.changes) == ("gone", ())


def test_a_run_ends_with_the_leaderboard_and_may_fail(night: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "flows.promotion.create_table_artifact", lambda table, **words: shown.append(words | {"rows": table})
    )
    finish_evaluated_run(night.store, make_recipe("monday"), [night("monday", 0.6)])
    tried = night("tuesday", 0.4)
    finish_evaluated_run(night.store, make_recipe("tuesday"), [tried])
    assert [row["mark"] for row in shown[-1]["rows"]] == ["best", "worse"]
    assert shown[-1]["key"] == "leaderboard"
    assert shown[-1]["description"].startswith("NOT PROMOTED")
    with pytest.raises(StageFailure, match=r"NOT PROMOTED.*see textmill leaderboard.*evaluate.gate.enabled=false"):
        finish_evaluated_run(night.store, make_recipe("tuesday", "evaluate.gate.fail=true"), [tried])
    finish_evaluated_run(
        night.store, make_recipe("tuesday"), [night.store.find("crawl")]
    )  # a run that evaluated nothing
    assert len(shown) == 3


def test_the_best_model_of_an_object_store(s3_address: str) -> None:
    night = Nights(Store(s3_address))
    night.gated("monday", 0.6)
    kept = find_best_key(night.store)
    assert night.gated("tuesday", 0.4).startswith("NOT PROMOTED")
    assert find_best_key(Store(s3_address)) == kept
    assert {manifest.stage for manifest in night.store.manifests()} == {"crawl", "pretrain", "evaluate"}
    assert [entry.mark.partition(":")[0] for entry in load_leaderboard(night.store, 9)] == ["best", "worse"]
