from pathlib import Path

import pytest

from tasks.dedup.query import find_similar
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, build_dedup, make_clean_artifact, make_id

WORDS = [f"word{number}" for number in range(300)]
CHINESE = "北京大学创办于1898年，初名京师大学堂，是中国第一所国立综合性大学，也是当时中国最高教育行政机关。"
TEXTS = [
    " ".join(WORDS),
    " ".join(WORDS[150:] + [f"other{number}" for number in range(150)]),
    CHINESE,
    "???",
    "short one",
]


def test_what_is_near_is_found_with_its_exact_similarity(tmp_path: Path, make_draft: MakeDraft) -> None:
    draft = build_dedup(make_draft, "out", make_clean_artifact(tmp_path / "in", TEXTS, 2))
    changed = " ".join([*WORDS[:-1], "x"])
    matches = find_similar(
        [draft.path], [TEXTS[0], changed, "nothing of the kind is here at all", CHINESE[:-2], "???", "Short ONE!"]
    )
    expected = {0: TEXTS[0], 1: TEXTS[0], 3: CHINESE, 4: "???", 5: "short one"}
    assert {match.text: match.id for match in matches} == {text: make_id(match) for text, match in expected.items()}
    assert len(matches) == len(expected)
    assert matches[0].similarity == 1
    assert matches[1].similarity == pytest.approx(295 / 297)
    assert matches[0].url == f"http://a/{make_id(TEXTS[0])}"


def test_several_artifacts_are_asked_and_the_most_similar_comes_first(tmp_path: Path, make_draft: MakeDraft) -> None:
    near_copy = " ".join([*WORDS[:-30], *("x" * 30)])
    first = build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "one", [near_copy]))
    second = build_dedup(make_draft, "second", make_clean_artifact(tmp_path / "two", [TEXTS[0]]))
    matches = find_similar([first.path, second.path], [TEXTS[0]])
    assert [match.id for match in matches] == [make_id(TEXTS[0]), make_id(near_copy)]
    assert find_similar([first.path], [TEXTS[0]], min_similarity=0.95) == []
    assert find_similar([first.path], []) == []


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="holds no index"):
        find_similar([tmp_path], ["a text"])
