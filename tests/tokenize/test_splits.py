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


def test_the_survey_counts_and_the_sample_reads_the_training_split_only(tmp_path: Path) -> None:
    texts = [f"字 {number}" for number in range(1_200)]
    path = tmp_path / "00000.parquet"
    language = ["zh" if number % 4 == 0 else "en" for number in range(1_200)]
    pq.write_table(pa.table({"id": texts, "text": texts, "language": language}), path)
    shares, rules = SplitFractions(0.1, 0.1), [Weight(language="zh", weight=2)]
    counts = survey_shard(tmp_path, path, shares, rules)
    train = {text: lang for text, lang in zip(texts, language, strict=True) if choose_split(text, shares) == "train"}
    sizes = {lang: sum(len(text.encode()) for text in train if train[text] == lang) for lang in ("en", "zh")}
    assert counts["documents"]["train"] == len(train)
    assert sum(counts["documents"].values()) == len(texts)
    assert counts["bytes"] == {"en": sizes["en"], "zh": 2 * sizes["zh"]}
    once = [text for batch in sample_texts([path], shares, [], {"en": 1, "zh": 1}) for text in batch]
    assert sorted(once) == sorted(train)
    mixed = [text for batch in sample_texts([path], shares, [], {"en": 0.5, "zh": 3}) for text in batch]
    english = [text for text in mixed if train[text] == "en"]
    assert 0.4 < len(english) / sum(lang == "en" for lang in train.values()) < 0.6
    assert len(mixed) - len(english) == 3 * sum(lang == "zh" for lang in train.values())


def test_languages_share_the_sample_by_a_power_of_their_size() -> None:
    sizes = {"en": 8_000.0, "zh": 1_000.0, "xx": 0.0}
    assert compute_sampling_rates(sizes, 900, 1.0) == pytest.approx({"en": 0.1, "zh": 0.1})
    assert compute_sampling_rates(sizes, 900, 0.0) == pytest.approx({"en": 450 / 8_000, "zh": 0.45})
    rates = compute_sampling_rates(sizes, 1e9, 0.5)
    assert rates["zh"] > 1 > rates["en"]
    assert sum(rates[language] * sizes[language] for language in rates) == pytest.approx(9_000)
    assert compute_sampling_rates({}, 1e9, 0.5) == {}
