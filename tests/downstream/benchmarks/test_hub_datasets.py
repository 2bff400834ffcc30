"""Data sets of the Hugging Face library in place of files: saved, laid out as on the Hub, by name from the cache."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from tasks.block import discover_blocks
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.labelled_text import TextFiles
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure, Transient
from tasks.runtime import datasets_hub

MOODS = ClassLabel(names=["bad", "good"])
PARTS = {"train": "train", "validation": "validation", "test": "test"}
TAGS = ClassLabel(names=["O", "B-PER", "I-PER"])
ANSWERS = {"text": List(Value("string")), "answer_start": List(Value("int32"))}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets_hub.load_split.cache_clear()
    yield tmp_path / "cache"
    datasets_hub.load_split.cache_clear()


def make_moods(rows: int = 12) -> Dataset:
    examples = [{"text": f"text {number}", "label": number % 2} for number in range(rows)]
    return Dataset.from_list(examples, Features({"text": Value("string"), "label": MOODS}))


def save_splits(root: Path, rows: Dataset, **parts: Dataset) -> str:
    """Save a DatasetDict by `save_to_disk`, with `rows` as every part that is not in `parts`."""
    DatasetDict({part: parts.get(part, rows) for part in PARTS}).save_to_disk(str(root))
    return str(root)


def save_as_on_hub(root: Path, rows: Dataset) -> str:
    """Write Parquet files as they are stored on the Hub."""
    for part in PARTS:
        path = root / "data" / f"{part}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(str(path))
    return str(root)


def load_task(kind: str, name: str, **fields: Any) -> Task:
    block = discover_blocks(Benchmark)[kind]
    (task,) = block.model_validate({"sets": [{"name": "made", "dataset": {"name": name}, **fields}]}).make_tasks(
        pl.DataFrame()
    )
    return task


@pytest.mark.parametrize("write", [save_splits, save_as_on_hub])
def test_classes_have_names(tmp_path: Path, write: Any) -> None:
    task = load_task("labelled_text", write(tmp_path / "made", make_moods()), **PARTS)
    assert task.names == ["bad", "good"]
    assert task.test["label"].to_list() == [0, 1] * 6
    assert task.test["origin"][1] == f"{tmp_path / 'made'}, test row 2"


def test_plain_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for part in PARTS:
        make_moods().to_csv(str(tmp_path / "made" / f"{part}.csv"))
    assert load_task("labelled_text", str(tmp_path / "made"), **PARTS).names == ["0", "1"]


def test_a_copy_of_a_repository_with_configurations(tmp_path: Path) -> None:
    for config, rows in (("few", make_moods(4)), ("many", make_moods(8))):
        save_as_on_hub(tmp_path / "made" / config, rows)
    files = "\n".join(f"- config_name: {config}\n  data_dir: {config}/data" for config in ("few", "many"))
    (tmp_path / "made" / "README.md").write_text(f"---\nconfigs:\n{files}\n---\n")
    dataset = {"name": str(tmp_path / "made"), "config": "many"}
    task = load_task("labelled_text", "", dataset=dataset, **PARTS)
    assert (len(task.train), task.test["origin"][7]) == (8, f"{tmp_path / 'made'}/many, test row 8")
    with pytest.raises(StageFailure, match=r"BuilderConfig 'none' not found. Available: \['few', 'many'\]"):
        load_task("labelled_text", "", dataset=dataset | {"config": "none"}, **PARTS)


def test_arrow_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for part in PARTS:
        make_moods().save_to_disk(str(tmp_path / part))
        (source,) = (tmp_path / part).glob("*.arrow")
        source.rename(tmp_path / "made" / f"{part}.arrow")
    assert load_task("labelled_text", str(tmp_path / "made"), **PARTS).names == ["bad", "good"]


def test_a_name_is_found_in_the_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.load_dataset(save_as_on_hub(tmp_path / "made", make_moods()), split="train")
    (cache / "made").rename(cache / "owner___made")  # where the library keeps owner/made
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    task = load_task("labelled_text", "owner/made", **PARTS)
    assert task.names == ["bad", "good"]
    assert task.test["origin"][0] == "owner/made, test row 1"


@pytest.mark.parametrize(("offline", "kind"), [(False, Transient), (True, StageFailure)])
def test_a_name_that_cannot_be_reached_is_reported(
    monkeypatch: pytest.MonkeyPatch, offline: bool, kind: type[StageFailure]
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    message = (
        r"owner/made cannot be loaded: the Hugging Face Hub cannot be reached, and this machine's cache does not hold"
    )
    with pytest.raises(StageFailure, match=message) as caught:
        load_task("labelled_text", "owner/made", **PARTS)
    assert type(caught.value) is kind
    files = TextFiles.model_validate({"name": "made", "dataset": {"name": "owner/made"}, **PARTS})
    assert files.semantic()["dataset"]["name"] == "owner/made"


def test_numbers_tags_questions_translations_and_choices(tmp_path: Path) -> None:
    def read(kind: str, rows: list[dict[str, Any]], features: dict[str, Any], **fields: Any) -> Task:
        return load_task(kind, save_splits(tmp_path / kind, Dataset.from_list(rows, Features(features))), **fields)

    text, number = Value("string"), Value("float32")
    pairs = [{"text": "a", "second_text": word, "score": score} for word, score in (("b", 0.5), ("c", 4.0))]
    columns = {"text": text, "second_text": text, "score": number}
    assert read("similarity", pairs, columns, **PARTS).test["number"].to_list() == [0.5, 4.0]
    assert read("embedding_similarity", pairs, columns, path="test").test["second"].to_list() == ["b", "c"]

    sentence = {"tokens": ["Ann", "Lee", "left"], "ner_tags": [1, 2, 0]}
    task = read("tagging", [sentence], {"tokens": List(text), "ner_tags": List(TAGS)}, **PARTS)
    assert load_task_type(task).format_truth(task, task.test.row(0, named=True)) == "PER 1–2"

    question = {"question": "Who?", "context": "Ann left.", "answers": {"text": ["Ann"], "answer_start": [0]}}
    squad = {"question": text, "context": text, "answers": ANSWERS}
    assert read("question_answering", [question], squad, **PARTS).test["answers"].to_list() == [["Ann"]]

    pair = {"translation": {"de": "Hund", "en": "dog"}}
    mapped = {"columns": {"source": "translation.de", "target": "translation.en"}}
    task = read("text_to_text", [pair], {"translation": {"de": text, "en": text}}, **mapped, **PARTS)
    assert task.test.select("text", "wanted").row(0) == ("Hund", ["dog"])

    multiple_choice = {"question": "1 + 1?", "choices": {"text": ["1", "2"]}, "answerKey": "B"}
    mapped = {"options_column": "choices.text", "answer_column": "answerKey"}
    choices = {"question": text, "choices": {"text": List(text)}, "answerKey": text}
    assert read("multiple_choice", [multiple_choice], choices, path="test", **mapped).test["right"].to_list() == [1]

    good = {"sentence_good": "He is.", "sentence_bad": "He are."}
    assert len(read("minimal_pairs", [good], dict.fromkeys(good, text), path="test").test) == 1


def test_the_key_depends_on_the_rows_and_not_on_their_folder(tmp_path: Path) -> None:
    def key(name: str) -> dict[str, Any]:
        return TextFiles.model_validate({"name": "made", "dataset": {"name": name}, **PARTS}).semantic()

    first = key(save_splits(tmp_path / "a", make_moods()))
    assert key(save_as_on_hub(tmp_path / "b", make_moods())) == first
    assert key(save_splits(tmp_path / "c", make_moods(), test=make_moods(10))) != first
    other_names = make_moods().cast_column("label", ClassLabel(names=["sad", "glad"]))
    assert key(save_splits(tmp_path / "d", other_names)) != first


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a", "label": -1}], r"test row 1: the column 'label' is empty"),
        ([{"text": " ", "label": 1}], r"test row 1: the column 'text' is empty"),
        ([{"text": "a", "label": 1}, {"text": None, "label": 1}], r"test row 2: the column 'text' is empty"),
    ],
)
def test_invalid_rows_are_reported_with_split_row_and_column(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    test = Dataset.from_list(rows, Features({"text": Value("string"), "label": MOODS}))
    with pytest.raises(StageFailure, match=message):
        load_task("labelled_text", save_splits(tmp_path / "made", make_moods(), test=test), **PARTS)


def test_missing_splits_columns_and_classes_are_reported(tmp_path: Path) -> None:
    name = save_splits(
        tmp_path / "made", make_moods(), test=make_moods().cast_column("label", ClassLabel(names=["bad", "odd"]))
    )
    with pytest.raises(StageFailure, match=r"there is no split 'dev' among train, validation, test"):
        load_task("labelled_text", name, train="train", test="dev")
    with pytest.raises(StageFailure, match=r"train row 1: there is no column 'sentence'.*has: text, label"):
        load_task("labelled_text", name, columns={"text": "sentence"}, **PARTS)
    assert "label that training lacks ('odd')" in load_task("labelled_text", name, **PARTS).describe()
    with pytest.raises(StageFailure, match=r"train row 1: 'label' is no list of words or of tags"):
        load_task("tagging", name, columns={"words": "label", "tags": "label"}, **PARTS)
    with pytest.raises(StageFailure, match=r"train row 1: the answers cannot be read"):
        load_task(
            "question_answering", name, columns={"question": "text", "context": "text", "answers": "none"}, **PARTS
        )
    with pytest.raises(StageFailure, match=r"none does not exist"):
        load_task("labelled_text", str(tmp_path / "none"), **PARTS)


def test_one_saved_split_is_not_train_and_test_at_once(tmp_path: Path) -> None:
    make_moods().save_to_disk(str(tmp_path / "one"))
    with pytest.raises(StageFailure, match="holds one split, which cannot be train and test at once"):
        load_task("labelled_text", str(tmp_path / "one"), **PARTS)
    assert len(load_task("language_modelling", str(tmp_path / "one"), path="train").test) == 12
