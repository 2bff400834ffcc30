from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import StageFailure
from tasks.tokenize.settings import Weight
from tasks.tokenize.splits import (
    SPLITS,
    SplitFractions,
    assign_splits,
    choose_split,
    compute_sampling_rates,
    compute_text_fractions,
    hash_to_fractions,
    read_batches,
    sample_texts,
    survey_shard,
)


def test_the_text_alone_decides_and_fractions_are_met() -> None:
    texts = [f"text {number} 文" for number in range(4_000)]
    splits = [choose_split(text, SplitFractions(0.1, 0.2)) for text in texts]
    assert splits == [choose_split(text, SplitFractions(0.1, 0.2)) for text in texts]
    for split, fraction in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert abs(splits.count(split) / 4_000 - fraction) < 0.03
    assert {choose_split(text, SplitFractions(0, 0)) for text in texts} == {"train"}


def test_more_held_out_keeps_what_was_held_out() -> None:
    texts = [f"text {number}" for number in range(500)]
    few = {text for text in texts if choose_split(text, SplitFractions(0.1, 0.1)) == "heldout"}
    more = {text for text in texts if choose_split(text, SplitFractions(0.1, 0.3)) == "heldout"}
    assert few < more


def test_the_two_numbers_of_a_text_are_independent_and_inside() -> None:
    pairs = [hash_to_fractions(str(number).encode()) for number in range(2_000)]
    assert all(0 <= number < 1 for pair in pairs for number in pair)
    assert 400 < sum(one < 0.5 and other < 0.5 for one, other in pairs) < 600


def test_missing_columns_are_null_and_missing_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "00000.parquet"
    pq.write_table(pa.table({"text": pa.array(["a", None], pa.large_string()), "id": ["1", "2"]}), path)
    (batch,) = read_batches(path)
    assert batch.schema.names == ["id", "url", "title", "text", "language", "source"]
    assert batch.column("language").to_pylist() == [None, None]
    assert batch.column("text").to_pylist() == ["a", ""]
    pq.write_table(pa.table({"id": ["1"]}), path)
    with pytest.raises(StageFailure, match="no column 'id' or 'text'"):
        list(read_batches(path))
    surrogate = [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"\xed\xa0\x80")]
    pq.write_table(pa.table({"id": ["1"], "text": pa.Array.from_buffers(pa.string(), 1, surrogate)}), path)
    with pytest.raises(StageFailure, match=r"00000\.parquet cannot be read.*[Ii]nvalid UTF8"):
        list(read_batches(path))
    path.write_bytes(b"nothing")
    with pytest.raises(StageFailure, match=r"00000\.parquet cannot be read"):
        list(read_batches(path))


def test_a_column_of_texts_falls_to_the_same_splits() -> None:
    texts = [f"text {number} 文" for number in range(300)]
    column = pa.array(["", *texts]).slice(1)
    assert compute_text_fractions(column).tolist() == [list(hash_to_fractions(text.encode())) for text in texts]
    numbers = assign_splits(compute_text_fractions(column)[:, 0], SplitFractions(0.1, 0.2))
    assert [SPLITS[number] for number in numbers] == [choose_split(text, SplitFractions(0.1, 0.2)) for text in texts]


FRACTIONS = SplitFractions(0.1, 0.1)
ENGLISH = [f"en {number}" for number in range(900)]
CHINESE = [f"字 {number}" for number in range(300)]


@pytest.fixture
def two_languages(tmp_path: Path) -> Path:
    """A shard of the English and the Chinese texts."""
    path = tmp_path / "00000.parquet"
    texts, language = [*ENGLISH, *CHINESE], ["en"] * len(ENGLISH) + ["zh"] * len(CHINESE)
    pq.write_table(pa.table({"id": texts, "text": texts, "language": language}), path)
    return path


def select_training(texts: list[str]) -> list[str]:
    return [text for text in texts if choose_split(text, FRACTIONS) == "train"]


def count_bytes(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def test_the_survey_counts_documents_by_split_and_weighted_bytes_by_language(
    tmp_path: Path, two_languages: Path
) -> None:
    english, chinese = select_training(ENGLISH), select_training(CHINESE)

    counts = survey_shard(tmp_path, two_languages, FRACTIONS, [Weight(language="zh", weight=2)])

    assert counts["documents"]["train"] == len(english) + len(chinese)
    assert sum(counts["documents"].values()) == len(ENGLISH) + len(CHINESE)
    assert counts["bytes"] == {"en": count_bytes(english), "zh": 2 * count_bytes(chinese)}


def test_the_sample_reads_the_training_split_only(two_languages: Path) -> None:
    sample = [text for batch in sample_texts([two_languages], FRACTIONS, [], {"en": 1, "zh": 1}) for text in batch]

    assert sorted(sample) == sorted(select_training([*ENGLISH, *CHINESE]))


def test_the_sample_takes_a_language_as_often_as_its_rate_says(two_languages: Path) -> None:
    batches = sample_texts([two_languages], FRACTIONS, [], {"en": 0.5, "zh": 3})
    sample = [text for batch in batches for text in batch]

    num_english = sum(text.startswith("en") for text in sample)
    assert 0.4 < num_english / len(select_training(ENGLISH)) < 0.6
    assert len(sample) - num_english == 3 * len(select_training(CHINESE))


def test_languages_share_the_sample_by_a_power_of_their_size() -> None:
    sizes = {"en": 8_000.0, "zh": 1_000.0, "xx": 0.0}
    assert compute_sampling_rates(sizes, 900, 1.0) == pytest.approx({"en": 0.1, "zh": 0.1})
    assert compute_sampling_rates(sizes, 900, 0.0) == pytest.approx({"en": 450 / 8_000, "zh": 0.45})
    rates = compute_sampling_rates(sizes, 1e9, 0.5)
    assert rates["zh"] > 1 > rates["en"]
    assert sum(rates[language] * sizes[language] for language in rates) == pytest.approx(9_000)
    assert compute_sampling_rates({}, 1e9, 0.5) == {}
