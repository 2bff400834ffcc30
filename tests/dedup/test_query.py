from pathlib import Path

import pytest

from tasks.dedup.query import find_similar
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, as_clean, built, identity

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
    draft = built(make_draft, "out", as_clean(tmp_path / "in", TEXTS, 2))
    changed = " ".join([*WORDS[:-1], "x"])
    found = find_similar(
        [draft.path], [TEXTS[0], changed, "nothing of the kind is here at all", CHINESE[:-2], "???", "Short ONE!"]
    )
    expected = {0: TEXTS[0], 1: TEXTS[0], 3: CHINESE, 4: "???", 5: "short one"}
    assert {match.text: match.id for match in found} == {text: identity(match) for text, match in expected.items()}
    assert len(found) == len(expected)
    assert found[0].similarity == 1
    assert found[1].similarity == pytest.approx(295 / 297)
    assert found[0].url == f"http://a/{identity(TEXTS[0])}"


def test_several_artifacts_are_asked_and_the_most_similar_comes_first(tmp_path: Path, make_draft: MakeDraft) -> None:
    near_copy = " ".join([*WORDS[:-30], *("x" * 30)])
    first = built(make_draft, "first", as_clean(tmp_path / "one", [near_copy]))
    second = built(make_draft, "second", as_clean(tmp_path / "two", [TEXTS[0]]))
    found = find_similar([first.path, second.path], [TEXTS[0]])
    assert [match.id for match in found] == [identity(TEXTS[0]), identity(near_copy)]
    assert find_similar([first.path], [TEXTS[0]], least=0.95) == []
    assert find_similar([first.path], []) == []


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="holds no index"):
        find_similar([tmp_path], ["a text"])
