import random
import re
from itertools import pairwise

import numpy as np
import pytest

from tasks.tokenize.encoder import sentences as rules

# The rule as a regular expression: slower, and easier to believe.
END = re.compile(
    rb"""(?<![.!?])[.!?]++['")\]]*+[ \t\r\f\v]++(?![a-z])"""
    + "|(?:。|！|？|｡|…)++(?:”|’|」|』|）|》)*+[ \t]*+".encode()
    + rb"|\n\s*+"
)


def find_starts(text: bytes) -> list[int]:
    return rules.find_sentence_starts(np.frombuffer(text, np.uint8), np.array([0, len(text)])).tolist()


def split_sentences(text: str) -> list[str]:
    raw = text.encode()
    positions = [*find_starts(raw), len(raw)]
    return [raw[a:b].decode() for a, b in pairwise(positions)]


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
    assert split_sentences("".join(expected)) == expected


def test_starts_begin_with_zero_rise_and_lie_inside() -> None:
    for text in ("", "。", "\n\n", ". . . ", "a\n", "\n a", "。。。x"):
        starts = find_starts(text.encode())
        assert starts == sorted(set(starts))
        assert starts[:1] == ([0] if text else [])
        assert all(position < len(text.encode()) for position in starts)


def test_a_long_line_takes_linear_time() -> None:
    # quadratic search would take minutes
    for letter in (".", " ", "。", "\n", '."', ". ", '"', " \n"):
        assert find_starts((letter * 200_000).encode())[0] == 0


def test_random_texts_are_split_as_the_expression_splits_them() -> None:
    draw = random.Random(0)
    signs = [*".!?'\")] \t\r\n\f\vabZ。！…”’」é\u3000", "...", "… "]
    texts = ["".join(draw.choices(signs, k=draw.randrange(30))).encode() for _ in range(5_000)]
    offsets = np.cumsum([0, *map(len, texts)])
    expected = [
        start + position
        for start, text in zip(offsets.tolist(), texts, strict=False)
        for position in [0, *(match.end() for match in END.finditer(text))]
        if position < len(text)
    ]
    assert rules.find_sentence_starts(np.frombuffer(b"".join(texts), np.uint8), offsets).tolist() == expected
