import pyarrow as pa

from tasks.tokenize.encoder.words import count_words


def test_words_are_runs_of_letters_and_single_han_characters() -> None:
    texts = ["two words", "", "  ", "它很短！3.14", "naïve cafe\u0301s", "日本語", "a_b", "don't"]
    assert count_words(pa.array(["x", *texts]).slice(1)).tolist() == [2, 0, 0, 5, 2, 3, 2, 2]
