"""Predictions for files: every layout, bad rows, a kill, and the texts that are worth a label."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import StageFailure
from tasks.inference import batch_prediction
from tasks.inference.batch_prediction import predict_files
from tasks.inference.input_rows import InputColumns
from tasks.inference.uncertain_texts import choose_diverse
from tests.inference.test_predicting import keep_with_record

TEXTS = [f"{word} the old {other}" for word in ("oak", "sail", "violin") for other in ("leaf", "mast", "chord", "drum")]


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    batch_prediction.open_predictor.cache_clear()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, masked: Path) -> Path:
    """A model that classifies one text."""
    folder = keep_with_record("classes", masked, tmp_path_factory.mktemp("model"))
    record = json.loads((folder / "textmill.json").read_text())
    (folder / "textmill.json").write_text(json.dumps(record | {"has_pairs": False}))
    return folder


def read_labels(path: Path) -> dict[str, str]:
    table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ndjson(path)
    return dict(zip(table["text"], table["label"], strict=True))


def test_the_same_texts_have_the_same_labels_in_every_layout(model: Path, tmp_path: Path) -> None:
    rows = [{"id": number, "comment": text} for number, text in enumerate(TEXTS)]
    table = pl.DataFrame(rows)
    table.write_csv(tmp_path / "a.csv")
    table.write_csv(tmp_path / "a.tsv", separator="\t")
    table.write_ndjson(tmp_path / "a.jsonl")
    table.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    labels = []
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.txt", "b.csv.gz"):
        summary = predict_files(model, [tmp_path / name], tmp_path / "out.parquet", InputColumns())
        assert summary.rows == len(TEXTS), name
        assert sum(summary.labels.values()) == len(TEXTS)
        labels.append(read_labels(tmp_path / "out.parquet"))
    assert all(one == labels[0] for one in labels)
    assert set(labels[0]) == set(TEXTS)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.txt").write_text("oak\n")
    (tmp_path / "folder" / "two.png").write_bytes(b"\x89PNG")
    assert predict_files(model, [tmp_path / "folder"], tmp_path / "out.jsonl", InputColumns()).rows == 1
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    answer = json.loads(line)
    assert set(answer) == {"origin", "text", "label", "confidence", "probabilities"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_rows_without_a_text_are_named_and_counted(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,n\noak,1\n,2\nsail,3\nmast,4,5\n")
    summary = predict_files(model, [path], tmp_path / "out.jsonl", InputColumns())
    assert (summary.rows, summary.rejected) == (2, 2)
    assert summary.first_errors[0].endswith("a.csv, row 2: the column 'text' is empty")
    assert "3 columns where 2" in summary.first_errors[1]
    path.write_text("text,n\n,2\n")
    with pytest.raises(StageFailure, match=r"no row to predict for .*row 1"):
        predict_files(model, [path], tmp_path / "out.jsonl", InputColumns())


def test_a_killed_prediction_goes_on_and_gives_the_same_bytes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_prediction, "SHARD_ROWS", 4)
    (tmp_path / "a.txt").write_text("\n".join(TEXTS))
    once = tmp_path / "once.parquet"
    predict_files(model, [tmp_path / "a.txt"], once, InputColumns())
    calls: list[int] = []

    class FailingPredictor:
        def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
            calls.append(len(rows))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real.predict(rows)

    real: Any = batch_prediction.open_predictor(model)
    monkeypatch.setattr(batch_prediction, "open_predictor", lambda _: FailingPredictor())
    twice = tmp_path / "twice.parquet"
    with pytest.raises(KeyboardInterrupt):
        predict_files(model, [tmp_path / "a.txt"], twice, InputColumns())
    assert not twice.exists(), "nothing half-written"
    predict_files(model, [tmp_path / "a.txt"], twice, InputColumns())
    assert calls == [4, 4, 4, 4], "three shards, of which the second was begun twice"
    assert twice.read_bytes() == once.read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "and leaves nothing behind"


def test_the_texts_to_label_are_uncertain_and_unlike_each_other(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join([*TEXTS, *TEXTS]))
    predict_files(model, [tmp_path / "a.txt"], tmp_path / "all.parquet", InputColumns())
    predict_files(model, [tmp_path / "a.txt"], tmp_path / "some.parquet", InputColumns(), num_uncertain=3)
    some, everything = pl.read_parquet(tmp_path / "some.parquet"), pl.read_parquet(tmp_path / "all.parquet")
    assert some["text"].n_unique() == 3
    assert some["confidence"][0] == everything["confidence"].min()
    texts = ["red red red", "red red red red", "blue sky above"]
    values = pl.Series([0.9, 0.89, 0.5]).to_numpy()
    assert choose_diverse(texts, values, 2) == [0, 2], "not the second one, which is like the first"


def test_columns_that_are_missing_or_not_clear_are_named(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n,m\n1,2\n")
    with pytest.raises(StageFailure, match="there is no column 'body'"):
        predict_files(model, [path], tmp_path / "out.jsonl", InputColumns(text="body"))
    record = json.loads((model / "textmill.json").read_text())
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for file in model.iterdir():
        if file.is_file():
            (pairs / file.name).write_bytes(file.read_bytes())
    (pairs / "textmill.json").write_text(json.dumps(record | {"has_pairs": True}))
    path.write_text("text,n\noak,2\n")
    with pytest.raises(StageFailure, match="not clear which column") as failure:
        predict_files(pairs, [path], tmp_path / "out.jsonl", InputColumns())
    assert "--second" in failure.value.hint
    path.write_text("premise,hypothesis\noak,leaf\n")
    assert predict_files(pairs, [path], tmp_path / "out.jsonl", InputColumns()).rows == 1


def test_a_model_that_predicts_nothing_is_refused(checkpoint: Path, masked: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("oak\n")
    with pytest.raises(StageFailure, match="predicts nothing"):
        predict_files(checkpoint, [tmp_path / "a.txt"], tmp_path / "out.jsonl", InputColumns())
    numbers = keep_with_record("numbers", masked, tmp_path)
    with pytest.raises(StageFailure, match="no text is uncertain"):
        predict_files(numbers, [tmp_path / "a.txt"], tmp_path / "out.jsonl", InputColumns(), num_uncertain=2)
    with pytest.raises(StageFailure, match="there is no file"):
        predict_files(numbers, [tmp_path / "none.txt"], tmp_path / "out.jsonl", InputColumns())
