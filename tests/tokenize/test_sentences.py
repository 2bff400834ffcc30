from itertools import pairwise

import pytest

from tasks.tokenize.sentences import starts


def sentences(text: str) -> list[str]:
    raw = text.encode()
    places = [*starts(raw), len(raw)]
    return [raw[a:b].decode() for a, b in pairwise(places)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One. ", "Two! ", "Three?"],
        ['She said "no." ', "Then she left."],
        ["Use e.g. this one. ", "Version 3.11 is fine."],
        ["第一句。", "第二句！", "真的？！", "好。”", "他说。"],
        ["A title\n\n  ", "A paragraph"],
        ["Wait... ", "What"],
        ["只有一句"],
        ["mixed 中文。 ", "English. ", "中文"],
        ["naïve café. ", "Ünïcode 🙂! ", "Done"],
    ],
)
def test_sentences_start_where_people_see_them(expected: list[str]) -> None:
    assert sentences("".join(expected)) == expected


def test_starts_begin_with_zero_rise_and_lie_inside() -> None:
    for text in ("", "。", "\n\n", ". . . ", "a\n", "\n a", "。。。x"):
        found = starts(text.encode())
        assert found == sorted(set(found))
        assert found[:1] == ([0] if text else [])
        assert all(place < len(text.encode()) for place in found)


def test_a_long_line_takes_linear_time() -> None:
    # quadratic search would take minutes
    for letter in (".", " ", "。", "\n", '."', ". ", '"', " \n"):
        assert starts((letter * 200_000).encode())[0] == 0
