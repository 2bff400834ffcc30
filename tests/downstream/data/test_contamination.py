from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream.data.contamination import WINDOW, Overlap, check, window_hashes
from tasks.downstream.data.data_files import frame
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import Kind
from tasks.downstream.task_types.answers import Answers
from tasks.downstream.task_types.choices import Choices
from tasks.downstream.task_types.relations import Relations
from tasks.downstream.task_types.retrieval import Retrieval
from tasks.downstream.task_types.texts import Texts
from tasks.errors import StageFailure


def test_equal_windows_have_equal_hashes_and_no_others_do() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, 5000).astype(np.uint16)  # few values, so that windows do repeat
    windows = [tuple(ids[start : start + WINDOW]) for start in range(len(ids) - WINDOW + 1)]
    hashes = window_hashes(ids)
    assert len(set(windows)) == len(np.unique(hashes))
    assert len({(window, value) for window, value in zip(windows, hashes.tolist(), strict=True)}) == len(set(windows))


def test_short_texts_have_no_window() -> None:
    assert len(window_hashes(np.arange(WINDOW - 1))) == 0


def test_pages_kept_apart_share_no_id(tokens: Path, heldout: pl.DataFrame) -> None:
    found = check([tokens], heldout, {"made": heldout["text"].to_list()})
    assert (found.heldout_documents, found.training_documents, found.shared_ids) == (24, 42, 0)
    assert found.training_tokens > 42 * 90
    assert found.sets == {"made": Overlap(24, 0, 0, 0.0)}


def test_a_passage_copied_from_the_training_text_is_counted(tokens: Path, heldout: pl.DataFrame, documents) -> None:  # type: ignore[no-untyped-def]
    seen = documents(1, first=100)["text"][0]
    found = check([tokens], heldout, {"half": [heldout["text"][0], seen], "other": ["the oak"]})
    assert (found.sets["half"].texts, found.sets["half"].overlapping) == (2, 1)
    assert 0.4 < found.sets["half"].covered_share <= 0.5
    assert found.sets["other"] == Overlap(1, 1, 0, 0.0), "it is too short to tell"


def test_a_shared_document_stops_the_stage(tokens: Path, heldout: pl.DataFrame, write_shard) -> None:  # type: ignore[no-untyped-def]
    write_shard(tokens / "train" / "00001.arrow", heldout.head(2))
    with pytest.raises(StageFailure, match="2 held-out documents are also in the pretraining text"):
        check([tokens], heldout, {})


@pytest.mark.parametrize(
    ("kind", "row", "passages"),
    [
        (Relations, {"text": "the oak", "first_start": 0}, {"made": ["the oak"]}),
        (Answers, {"question": "who", "context": "the oak " * 99}, {"made": ["who\n" + "the oak " * 99]}),
        (Texts, {"text": "long", "wanted": ["short", "brief"]}, {"made": ["long\nshort\nbrief"]}),
        (Choices, {"prompt": "the", "options": [" oak", " the"], "right": 0}, {"made": ["the oak"]}),
        (Retrieval, {"text": "which oak"}, {"made": ["which oak"], "made: documents": ["an old oak"]}),
    ],
)
def test_what_should_be_unseen_is_what_is_read_and_what_is_to_be_written(
    kind: type[Kind], row: dict[str, Any], passages: dict[str, list[str]]
) -> None:
    train, test = (frame([each | {"origin": ""}], kind.columns) for each in ({**row, "text": "an old oak"}, row))
    task = Task("made", "", kind.__name__.lower(), [], train, test, test, [0])
    assert kind().passages(task) == passages
