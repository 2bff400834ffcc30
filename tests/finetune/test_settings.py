from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flows.graph import walk_finetune, walk_stages
from flows.growing_corpus import PreviousArtifacts
from flows.recipe import Recipe, load_recipe
from tasks.block import Block
from tasks.errors import BadSetting
from tasks.finetune.settings import Finetune
from tasks.finetune.task import check_settings
from tasks.stage import Stage


def write_reviews(path: Path) -> Path:
    rows = [
        f"{'a fine' if row % 2 else 'a poor'} oak of day {row}\t{'good' if row % 2 else 'bad'}" for row in range(60)
    ]
    path.write_text("text\tlabel\n" + "".join(f"{row}\n" for row in rows))
    return path


def name_sets(*sets: dict[str, Any], kind: str = "labelled_text", **others: Any) -> Finetune:
    return Finetune.model_validate({"benchmarks": {kind: {"sets": list(sets)}}} | others)


def test_no_model_is_kept_until_a_task_is_named() -> None:
    assert Finetune().list_tasks() == []
    assert Recipe().evaluate_settings() == Recipe().evaluate


def test_each_data_set_and_each_fold_is_a_task_with_a_key_of_its_own(tmp_path: Path) -> None:
    one, other = ({"name": name, "train": str(write_reviews(tmp_path / name))} for name in ("one.tsv", "other.tsv"))
    both = name_sets(one, other | {"folds": 3}).list_tasks()
    assert len(both) == 4
    alone = name_sets(one).list_tasks()
    assert both[0].semantic() == alone[0].semantic(), "another data set does not change it"
    assert both[1].semantic() != both[2].semantic()
    assert "labelled_text" in both[0].semantic()["benchmarks"]
    assert len(both[0].semantic()["benchmarks"]) == 1


def test_a_benchmark_without_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="minimal_pairs has nothing that a model is fine-tuned on"):
        check_settings(name_sets({"name": "pairs", "path": str(tmp_path)}, kind="minimal_pairs"), 0.1)


def test_a_wrong_data_set_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"finetune.benchmarks.labelled_text.sets\[0\].train"):
        check_settings(name_sets({"name": "one", "train": str(tmp_path / "none.tsv")}), 0.1)


def test_a_suite_that_does_not_exist_is_named_by_its_setting(tmp_path: Path) -> None:
    suite = Finetune.model_validate({"benchmarks": {"suite": {"sets": [{"path": str(tmp_path / "none")}]}}})
    with pytest.raises(BadSetting, match=r"finetune: the folder .*none does not exist.*finetune.benchmarks.suite"):
        check_settings(suite, 0.1)


def test_tasks_of_a_suite_are_kept_one_by_one(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        path = tmp_path / "GLUE" / "SST-2" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("sentence\tlabel\n" + "".join(f"day {row} is fine\t{row % 2}\n" for row in range(40)))
    suite = Finetune.model_validate({"benchmarks": {"suite": {"sets": [{"path": str(tmp_path / "GLUE")}]}}})
    (task,) = suite.list_tasks()
    assert list(task.semantic()["benchmarks"]) == ["labelled_text"]
    check_settings(suite, 0.1)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    data = {"name": "one", "train": str(write_reviews(tmp_path / "one.tsv"))}
    with pytest.raises(BadSetting, match=r"finetune.folder: .* holds no config.json"):
        check_settings(name_sets(data, folder=str(tmp_path)), 0.1)


def test_a_head_that_opens_nowhere_else_is_refused() -> None:
    with pytest.raises(ValidationError, match="opens nowhere else"):
        Finetune.model_validate({"finetuning": {"head": "all_layers"}})


def test_a_stock_head_is_the_default_beside_other_settings() -> None:
    assert Finetune.model_validate({"finetuning": {"epochs": 2}}).finetuning.head == "stock"
    assert load_recipe(changes=["finetune.finetuning.epochs=2"]).finetune.finetuning.head == "stock"


def test_one_model_has_one_addition() -> None:
    extras = {"unlabelled": {"method": "pseudo-labels"}, "continued_pretraining": {"enabled": True}}
    with pytest.raises(ValidationError, match="unlabelled and continued_pretraining: switch the others off"):
        Finetune.model_validate({"finetuning": {"head": "stock"} | extras})


def test_the_evaluation_has_the_tasks_of_kept_models_too(tmp_path: Path) -> None:
    data = write_reviews(tmp_path / "one.tsv")
    change = f"finetune.benchmarks.labelled_text.sets=[{{name: one, train: {data}}}]"
    recipe = load_recipe(changes=[change, "finetune.labels=4"])
    (added,) = recipe.evaluate_settings().benchmarks.labelled_text.sets  # type: ignore[attr-defined]
    assert (added.name, added.labels_per_class) == ("one", [4]), "with the label count of the kept model"
    own = change.replace("finetune", "evaluate")
    named = load_recipe(changes=[change, own]).evaluate_settings()
    (given,) = named.benchmarks.labelled_text.sets  # type: ignore[attr-defined]
    assert given.labels_per_class == [], "the evaluation's own settings of a data set count"


def test_kept_models_come_between_the_pretrained_one_and_its_evaluation(tmp_path: Path) -> None:
    sets = [{"name": name, "train": str(write_reviews(tmp_path / f"{name}.tsv"))} for name in ("one", "two")]
    recipe = Recipe(finetune=name_sets(*sets))
    calls: list[tuple[str, tuple[str, ...]]] = []

    def note_call(stage: Stage[Any], _: Block, *inputs: str) -> str:
        calls.append((stage.name, inputs))
        return f"{stage.name}{len(calls)}"

    walk_stages(recipe, note_call, PreviousArtifacts(), lambda _: False)
    assert calls[-3:] == [
        ("finetune", ("pretrain6", "tokenize5")),
        ("finetune", ("pretrain6", "tokenize5")),
        ("evaluate", ("pretrain6", "finetune7", "finetune8", "tokenize5")),
    ]
    elsewhere = Recipe(finetune=name_sets(*sets, folder="elsewhere"))
    calls.clear()
    assert walk_finetune(elsewhere, note_call, "model", ["corpus"]) == ["finetune1", "finetune2"]
    assert calls == [("finetune", ()), ("finetune", ())], "neither our model nor its text is in it"
