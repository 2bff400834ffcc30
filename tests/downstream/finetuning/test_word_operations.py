from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.downstream.finetuning.word_operations import (
    WordOperations,
    drop_words,
    join_words,
    read_synonyms,
    swap_words,
)
from tasks.downstream.settings.augmentation import Augmentation
from tasks.errors import StageFailure

TEXT = "The film, oddly, is a good one: good and short enough to see twice ."


@pytest.fixture
def synonyms(tmp_path: Path) -> Path:
    path = tmp_path / "synonyms.txt"
    path.write_text("film, movie, picture  # of the cinema\n\nGood,fine\n好看,精彩\n电影,影片\n", encoding="utf-8")
    return path


def make_operations(
    synonyms: Path | str, *names: str, share: float = 0.1, segmenter: str = "characters"
) -> WordOperations:
    settings = {
        "method": "words",
        "operations": names,
        "word_fraction": share,
        "synonyms_file": str(synonyms),
        "segmenter": segmenter,
    }
    return WordOperations(Augmentation.model_validate(settings))


def make_copies(augment: WordOperations, text: str = TEXT, number: int = 40) -> list[str]:
    return [augment(text, 0, np.random.default_rng(seed)) for seed in range(number)]


def test_words_become_synonyms_and_keep_their_punctuation(synonyms: Path) -> None:
    texts = set(make_copies(make_operations(synonyms, "synonyms")))
    assert "The movie, oddly, is a good one: good and short enough to see twice ." in texts
    assert "The film, oddly, is a fine one: good and short enough to see twice ." in texts
    assert all(len(text.split()) == len(TEXT.split()) for text in texts)
    everywhere = set(make_copies(make_operations(synonyms, "synonyms", share=0.5)))
    assert {text.replace("movie", "picture") for text in everywhere} == {
        "The picture, oddly, is a fine one: fine and short enough to see twice ."
    }


def test_synonyms_are_inserted(synonyms: Path) -> None:
    for text in make_copies(make_operations(synonyms, "insertion", share=0.2)):
        words = text.split()
        assert len(words) == len(TEXT.split()) + 3
        for word in TEXT.split():
            words.remove(word)
        assert set(words) <= {"movie", "picture", "fine"}


def test_a_text_without_known_words_stays(synonyms: Path) -> None:
    for name in ("synonyms", "insertion"):
        assert make_copies(make_operations(synonyms, name), "nothing  here is known") == ["nothing  here is known"] * 40
    assert make_operations("", "swap")("  ", 0, np.random.default_rng(0)) == "  "
    assert make_operations("", "swap")("one", 0, np.random.default_rng(0)) == "one"


def test_swaps_and_deletions() -> None:
    words = [str(number) for number in range(50)]
    rng = np.random.default_rng(0)
    once = swap_words(words, 1, rng)
    assert sorted(once) == sorted(words)
    assert sum(one != other for one, other in zip(once, words, strict=True)) == 2
    kept = [drop_words(words, 0.3, rng) for _ in range(100)]
    assert np.mean([len(text) for text in kept]) == pytest.approx(35, abs=1.5)
    assert all(text == sorted(text, key=int) for text in kept)
    assert len(drop_words(["a", "b"], 0.999999, rng)) == 1


def test_the_operations_take_turns(synonyms: Path) -> None:
    augment = make_operations(synonyms, "swap", "deletion", share=0.4)
    lengths = [len(augment(TEXT, copy, np.random.default_rng(copy)).split()) for copy in range(4)]
    assert lengths[0] == lengths[2] == len(TEXT.split()) > max(lengths[1], lengths[3])
    assert augment(TEXT, 1, np.random.default_rng(1)) == augment(TEXT, 1, np.random.default_rng(1))


def test_chinese_has_characters_for_words() -> None:
    augment = make_operations("", "swap")
    assert augment.split_words("这部 film 很好看，3D!") == [*"这部", "film", *"很好看", "，3D!"]
    text = "这部电影真的很好看"
    for copy in make_copies(augment, text):
        assert copy != text
        assert sorted(copy) == sorted(text)


def test_chinese_words_as_jieba_finds_them(synonyms: Path) -> None:
    pytest.importorskip("rjieba", reason="the extra `chinese` is not installed")
    augment = make_operations(synonyms, "synonyms", share=0.9, segmenter="jieba")
    assert augment.split_words("电影 very good 好看") == ["电影", "very", "good", "好看"]
    assert augment("这部电影很好看", 0, np.random.default_rng(0)) == "这部影片很精彩"


def test_blanks_stand_between_words_that_have_them() -> None:
    assert join_words(["the", "film", "."]) == "the film ."
    assert join_words(["看", "film", "，", "to", "see"]) == "看film，to see"


def test_a_word_may_stand_in_two_groups(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text("light, pale\nlight, easy, Simple\n")
    assert read_synonyms(path)["light"] == ["pale", "easy", "Simple"]
    assert read_synonyms(path)["simple"] == ["light", "easy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "film, movie\nfilm movie\n",
            "line 2: 'film movie' is no group of synonyms. Write two words or more in a line",
        ),
        ("film,,movie\n", "line 1"),
        ("film, Film\n", "line 1"),
        ("# film, movie\n", "has no synonyms"),
    ],
)
def test_a_bad_line_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text(text)
    with pytest.raises(StageFailure, match=message):
        make_operations(path, "synonyms")
    with pytest.raises(
        StageFailure, match=r"does not exist\. Correct the path in evaluate\.finetuning\.augmentation\.syn"
    ):
        make_operations(tmp_path / "none", "synonyms")


def test_what_is_not_there_is_not_used() -> None:
    assert Augmentation(method="words").usable_operations == ["swap", "deletion"]
    with pytest.raises(ValidationError, match="synonyms and insertion need a file of synonyms"):
        Augmentation(method="words", operations=["synonyms", "insertion"])
    with pytest.raises(ValidationError, match="needs two models"):
        Augmentation.model_validate({"method": "back-translation", "forward_model": {"folder": "somewhere"}})


def test_the_content_of_the_file_enters_the_key(synonyms: Path, tmp_path: Path) -> None:
    def key(**settings: object) -> object:
        return Augmentation.model_validate({"method": "words", "synonyms_file": str(synonyms)} | settings).semantic()

    before, other = key(), tmp_path / "other.txt"
    other.write_bytes(synonyms.read_bytes())
    assert key(synonyms_file=str(other)) == before == key(temperature=0.1)
    assert key(method="none") == Augmentation(max_copies=9).semantic() != before
    synonyms.write_text("film, movie\n")
    assert key() != before != key(max_copies=2)
