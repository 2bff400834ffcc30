from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.failure import StageFailure
from tasks.tokenize.parts import PARTS, Shares, batches, fractions, part_of, sampled, survey, texts_of


def test_the_text_alone_decides_and_shares_are_met() -> None:
    texts = [f"text {number} 文" for number in range(4_000)]
    parts = [part_of(text, Shares(0.1, 0.2)) for text in texts]
    assert parts == [part_of(text, Shares(0.1, 0.2)) for text in texts]
    for part, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
        assert abs(parts.count(part) / 4_000 - share) < 0.03
    assert {part_of(text, Shares(0, 0)) for text in texts} == {"train"}


def test_more_held_out_keeps_what_was_held_out() -> None:
    texts = [f"text {number}" for number in range(500)]
    few = {text for text in texts if part_of(text, Shares(0.1, 0.1)) == "heldout"}
    more = {text for text in texts if part_of(text, Shares(0.1, 0.3)) == "heldout"}
    assert few < more


def test_the_two_fractions_are_independent_and_inside() -> None:
    pairs = [fractions(str(number)) for number in range(2_000)]
    assert all(0 <= number < 1 for pair in pairs for number in pair)
    assert 400 < sum(one < 0.5 and other < 0.5 for one, other in pairs) < 600


def test_missing_columns_are_null_and_missing_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "00000.parquet"
    pq.write_table(pa.table({"text": pa.array(["a", None], pa.large_string()), "id": ["1", "2"]}), path)
    (batch,) = batches(path)
    assert batch.schema.names == ["id", "url", "title", "text", "language"]
    assert batch.column("language").to_pylist() == [None, None]
    assert texts_of(batch) == ["a", ""]
    pq.write_table(pa.table({"id": ["1"]}), path)
    with pytest.raises(StageFailure, match="no column 'id' or 'text'"):
        list(batches(path))
    path.write_bytes(b"nothing")
    with pytest.raises(StageFailure, match=r"00000\.parquet cannot be read"):
        list(batches(path))


def test_survey_counts_and_sampled_reads_the_training_part_only(tmp_path: Path) -> None:
    texts = [f"字 {number}" for number in range(1_200)]
    path = tmp_path / "00000.parquet"
    pq.write_table(pa.table({"id": texts, "text": texts}), path)
    shares = Shares(0.1, 0.1)
    counts = survey(tmp_path, path, shares)
    train = {text for text in texts if part_of(text, shares) == "train"}
    assert counts["train"] == {"documents": len(train), "bytes": sum(len(text.encode()) for text in train)}
    assert sum(part["documents"] for part in counts.values()) == len(texts)
    whole = [text for batch in sampled([path], shares, 1.0) for text in batch]
    half = [text for batch in sampled([path], shares, 0.5) for text in batch]
    assert set(whole) == train
    assert set(half) < train
    assert 0.4 < len(half) / len(whole) < 0.6
