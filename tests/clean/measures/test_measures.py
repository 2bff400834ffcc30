"""The counts against plain Python that defines them."""

import random
import re
from collections import Counter

import polars as pl
import pytest

from tasks.clean.measures.c4_lines import remove_bad_lines
from tasks.clean.measures.measures import MEASURES, measure_texts

ALPHABET = [
    "the ",
    "be",
    "To",
    "a1 ",
    "-- ",
    "\n",
    "\n\n",
    "• x",
    "word",
    "x. ",
    "? ",
    "…",
    "...",
    "中",
    "文。",
    "é ",
    "🙂",
    "#",
    "and ",
]


def measure(text: str) -> dict[str, int]:
    return measure_texts(pl.Series([text])).row(0, named=True)


def make_texts(count: int) -> list[str]:
    draw = random.Random(5)
    return ["".join(draw.choices(ALPHABET, k=draw.randint(0, 120))) for _ in range(count)]


def split_words(text: str) -> list[str]:
    return re.findall(r"[中文]|[^\s中文。]+", text)


def count_top(words: list[str], size: int) -> int:
    ngrams = Counter(" ".join(words[start : start + size]) for start in range(len(words) - size + 1))
    return max((len(ngram) * times for ngram, times in ngrams.most_common(1)), default=0)


def count_duplicates(words: list[str], size: int) -> int:
    seen, start, repeated = set(), 0, 0
    while start <= len(words) - size:
        ngram = tuple(words[start : start + size])
        repeated += sum(map(len, ngram)) if ngram in seen else 0
        start += size if ngram in seen else 1
        seen.add(ngram)
    return repeated


def test_words_and_characters() -> None:
    for text in make_texts(300):
        counts, words = measure(text), split_words(text)
        assert counts["num_characters"] == len(text)
        assert counts["num_words"] == len(words)
        assert counts["num_symbols"] == sum(not re.search(r"\w", word) for word in words)
        assert counts["num_alphabetic"] == sum(any(character.isalpha() for character in word) for word in words)
        assert counts["num_hashes"] == text.count("#")
        assert counts["num_ellipses"] == sum(len(dots) // 3 for dots in re.findall(r"\.+", text)) + text.count("…")
        assert counts["num_han"] == len(re.findall("[中文]", text))


def test_ngrams() -> None:
    for text in make_texts(300):
        counts, words = measure(text), split_words(text)
        for size in (2, 3, 4):
            assert counts[f"num_top_{size}_gram_characters"] == count_top(words, size)
        for size in range(5, 11):
            assert counts[f"num_duplicate_{size}_gram_characters"] == count_duplicates(words, size)


def test_lines_and_paragraphs() -> None:
    for raw in make_texts(300):
        # extraction takes spaces at the end of lines away, and a third line break
        text = re.sub(r" +(?=\n|$)", "", re.sub(r"\n{3,}", "\n\n", raw)).strip()

        counts = measure(text)

        lines = [line for line in text.split("\n") if line.strip()]
        paragraphs = [part for part in text.split("\n\n") if part.strip()]
        assert counts["num_lines"] == len(lines)
        assert counts["num_line_breaks"] == text.count("\n")
        assert counts["num_duplicate_lines"] == len(lines) - len(set(lines))
        assert counts["num_duplicate_line_characters"] == len("".join(lines)) - len("".join(dict.fromkeys(lines)))
        assert counts["num_bullet_lines"] == sum(line.lstrip()[0] in "•-" for line in lines)
        assert counts["num_ellipsis_lines"] == sum(line.endswith(("...", "…")) for line in lines)
        assert counts["num_terminal_lines"] == sum(line[-1] in ".?。" for line in lines)
        assert counts["num_short_lines"] == sum(len(line) <= 30 for line in lines)
        assert counts["num_duplicate_paragraphs"] == len(paragraphs) - len(set(paragraphs))


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("One sentence here.", 1),
        ("One, e.g.this. Two (and a bit).", 2),
        ('He said "no!" Then he left.', 2),
        ("Costs 3.14 euros. Really?! Yes.", 3),
        ("It is one, i.e., no more (etc.), of two. Here is the other.", 2),
        ("你好。再见！！真的？", 3),
        ("「好。」他说「走吧！」", 2),
        ("他说：“好的。”然后走了。", 2),
    ],
)
def test_sentences_of_good_lines(line: str, sentences: int) -> None:
    assert measure(line)["num_sentences"] == sentences
    assert measure(f"{line}\n{line}")["num_sentences"] == 2 * sentences


@pytest.mark.parametrize(
    "line",
    [
        "No mark at the end",
        "Two words.",
        "It breaks off here...",
        "Please enable JavaScript to go on.",
        "Read our Privacy Policy before that.",
        "This site uses cookies for that.",
        "An endless " + "x" * 1001 + " word.",
    ],
)
def test_bad_lines_are_counted_and_can_be_removed(line: str) -> None:
    good = "A good line stands here."
    counts = measure(f"{good}\n{line}\n\n{good}")
    assert (counts["num_bad_lines"], counts["num_sentences"]) == (1, 2)
    assert remove_bad_lines(pl.Series([f"{good}\n{line}\n\n{good}", line, good])).to_list() == [
        f"{good}\n\n{good}",
        "",
        good,
    ]


def test_citations_do_not_hide_the_end_of_a_sentence() -> None:
    assert measure("It was founded in 1901.[3][citation needed]")["num_bad_lines"] == 0
    assert measure("It was founded in [the year 1901]")["num_bad_lines"] == 1


def test_what_drops_a_page_for_c4() -> None:
    assert measure("Some Lorem Ipsum dolor sit amet.")["num_lorem_ipsum"] == 1
    assert measure("The heading is lorem ipsum")["num_lorem_ipsum"] == 0
    assert measure("It says function() { in there.")["num_curly_lines"] == 1


def test_stop_words_count_once_in_any_case() -> None:
    assert measure("THE theatre ofthe bees. To be, to be! herewith the_the")["num_stop_words"] == 3


def test_repeated_characters_of_scripts_without_spaces() -> None:
    counts = measure("天地玄黄宇宙洪荒日月盈昃辰宿列张" * 2)
    assert counts["num_character_ngrams"] == 20
    assert counts["num_repeated_characters"] == 8
    assert measure("word " * 50)["num_character_ngrams"] == 0


def test_odd_texts_and_the_order_of_rows() -> None:
    odd = ["", None, " ", "\n", "\n\n\n", "x" * 100_000, "a " * 50_000, "\n" * 10_000, "x\r\ny", "\u3000x"]
    frame = measure_texts(pl.Series(odd, dtype=pl.String))
    assert frame.columns == list(MEASURES)
    assert frame["num_characters"].to_list() == [len(text or "") for text in odd]
    assert frame["num_words"].to_list() == [0, 0, 0, 0, 0, 1, 50_000, 0, 2, 1]
    assert measure_texts(pl.Series([], dtype=pl.String)).height == 0
    sliced = pl.Series(["first text", "second", "third one here"])[1:]
    assert measure_texts(sliced)["num_words"].to_list() == [1, 3]


def test_paragraphs_do_not_make_lines_forgotten() -> None:
    lines = [f"line {number % 40}" for number in range(120)]
    for every in (1, 2, 3):
        text = "\n".join(line + "\n" * (number % every == 0) for number, line in enumerate(lines)).strip()
        assert measure(text)["num_duplicate_lines"] == 80
