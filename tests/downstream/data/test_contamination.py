from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream.data.contamination import NGRAM_TOKENS, TextOverlap, check_contamination, hash_ngrams
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import TaskType
from tasks.downstream.task_types.answers import SpanAnswerTask
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.downstream.task_types.relations import RelationTask
from tasks.downstream.task_types.retrieval import RetrievalTask
from tasks.downstream.task_types.texts import GenerationTask
from tasks.errors import StageFailure


def test_ngrams_have_equal_hashes_only_where_they_are_equal() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, 5000).astype(np.uint16)  # few values, so that windows do repeat
    windows = [tuple(ids[start : start + NGRAM_TOKENS]) for start in range(len(ids) - NGRAM_TOKENS + 1)]
    hashes = hash_ngrams(ids)
    assert len(set(windows)) == len(np.unique(hashes))
    assert len({(window, value) for window, value in zip(windows, hashes.tolist(), strict=True)}) == len(set(windows))


def test_short_texts_have_no_ngram() -> None:
    assert len(hash_ngrams(np.arange(NGRAM_TOKENS - 1))) == 0


def test_held_out_pages_share_no_id_with_training(tokens: Path, heldout: pl.DataFrame) -> None:
    contamination = check_contamination([tokens], heldout, {"made": heldout["text"].to_list()})
    assert (contamination.heldout_documents, contamination.training_documents, contamination.shared_ids) == (24, 42, 0)
    assert contamination.training_tokens > 42 * 90
    assert contamination.sets == {"made": TextOverlap(24, 0, 0, 0.0)}


def test_a_passage_copied_from_the_training_text_is_counted(tokens: Path, heldout: pl.DataFrame, documents) -> None:  # type: ignore[no-untyped-def]
    training_text = documents(1, first=100)["text"][0]
    contamination = check_contamination(
        [tokens], heldout, {"half": [heldout["text"][0], training_text], "other": ["the oak"]}
    )
    assert (contamination.sets["half"].texts, contamination.sets["half"].overlapping) == (2, 1)
    assert 0.4 < contamination.sets["half"].covered_share <= 0.5
    assert contamination.sets["other"] == TextOverlap(1, 1, 0, 0.0), "it is too short to tell"


def test_a_shared_document_stops_the_stage(tokens: Path, heldout: pl.DataFrame, write_shard) -> None:  # type: ignore[no-untyped-def]
    write_shard(tokens / "train" / "00001.arrow", heldout.head(2))
    with pytest.raises(StageFailure, match="2 held-out documents are also in the pretraining text"):
        check_contamination([tokens], heldout, {})


@pytest.mark.parametrize(
    ("kind", "row", "passages"),
    [
        (RelationTask, {"text": "the oak", "first_start": 0}, {"made": ["the oak"]}),
        (SpanAnswerTask, {"question": "who", "context": "the oak " * 99}, {"made": ["who\n" + "the oak " * 99]}),
        (GenerationTask, {"text": "long", "wanted": ["short", "brief"]}, {"made": ["long\nshort\nbrief"]}),
        (ChoiceTask, {"prompt": "the", "options": [" oak", " the"], "right": 0}, {"made": ["the oak"]}),
        (RetrievalTask, {"text": "which oak"}, {"made": ["which oak"], "made: documents": ["an old oak"]}),
    ],
)
def test_test_texts_are_what_a_model_reads_and_what_it_should_write(
    kind: type[TaskType], row: dict[str, Any], passages: dict[str, list[str]]
) -> None:
    train, test = (
        build_table([example | {"origin": ""}], kind.columns) for example in ({**row, "text": "an old oak"}, row)
    )
    task = Task("made", "", kind.__module__.rpartition(".")[2], [], train, test, test, [0])
    assert kind().collect_test_texts(task) == passages
