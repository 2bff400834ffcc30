from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.downstream.kept_models.fit import fit_and_save
from tasks.downstream.kept_models.record import KeptRecord
from tasks.downstream.settings.finetuning import FineTuning
from tasks.inference.abilities import describe_folder, needs_second
from tasks.inference.predicting import Predictor, format_answer, list_entities, split_words
from tasks.inference.writing import Sampling
from tests.downstream.kept_models.test_folders import FINETUNING, make_data

KINDS = ["classes", "numbers", "tags", "answers", "relations", "texts"]


def keep_with_record(kind: str, checkpoint: Path, folder: Path) -> Path:
    """Fit a small model of a kind and write its record, as the stage does."""
    data, finetuning = make_data(kind), FineTuning.model_validate(FINETUNING | {"min_steps": 40})
    folder.mkdir(parents=True, exist_ok=True)
    data.save(folder / "task.parquet")
    kept = folder / "kept"
    fit_and_save(kept, folder / "task.parquet", checkpoint, finetuning, "pretrained", 0, 0, 0.01)
    fields: dict[str, Any] = {"task": "made", "kind": kind, "names": data.names, "data": "", "model": "pretrained"}
    fields |= {"labels": 0, "seed": 0, "learning_rate": 0.01, "validation": 0.0, "finetuning": finetuning}
    KeptRecord.model_validate(fields | {"has_pairs": kind in ("classes", "numbers")}).write(kept)
    return kept


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_predicts_from_texts_alone(kind: str, checkpoint: Path, masked: Path, tmp_path: Path) -> None:
    folder = keep_with_record(kind, checkpoint if kind == "texts" else masked, tmp_path)
    record = describe_folder(folder).record
    assert record is not None
    predictor = Predictor(folder, record)
    rows = pl.DataFrame({"text": ["anchor", "oak of sail"], "second": ["the anchor oak", "sail mast"]})
    answers = predictor.predict(rows)
    assert len(answers) == 2
    columns = {"numbers": "number", "tags": "entities", "answers": "answer", "texts": "written"}
    assert columns.get(kind, "label") in answers.columns
    assert needs_second(record) == (kind in ("classes", "numbers", "answers"))
    pieces: list[str] = []
    predictor.write_answer("anchor || the anchor oak", Sampling(), pieces.append)
    assert "".join(pieces).endswith("\n")
    alone = predictor.predict(rows.head(1))
    assert format_answer(alone.to_dicts()[0]) == format_answer(answers.to_dicts()[0])


def test_a_folder_of_others_predicts_by_its_configuration(masked: Path, tmp_path: Path) -> None:
    folder = keep_with_record("classes", masked, tmp_path)
    ours = Predictor(folder, describe_folder(folder).record)  # type: ignore[arg-type]
    rows = pl.DataFrame({"text": ["oak leaf"], "second": ["birch root"]})
    expected = ours.predict(rows)
    (folder / "textmill.json").unlink()
    record = describe_folder(folder).record
    assert record is not None
    assert (record.kind, record.names) == ("classes", ["two", "one"])
    assert Predictor(folder, record).predict(rows).equals(expected)


def test_entities_have_their_place_in_the_text() -> None:
    text = "Then  Ann Lee\nleft"
    tagged = split_words(text)
    assert tagged.words == ["Then", "Ann", "Lee", "left"]
    (entity,) = list_entities(text, tagged, ["O", "B-PER", "I-PER", "O"])
    assert entity == {"type": "PER", "text": "Ann Lee", "start": 6, "end": 13}
    assert split_words("我爱北京").words == ["我", "爱", "北", "京"]
