import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.repeated_passages import PassageRule, find_passages, remove_passages
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, build_dedup, make_artifact, make_clean_artifact, read_documents


def make_sentence(seed: int, count: int = 20) -> str:
    return " ".join(random.Random(seed).choices([f"word{number}" for number in range(3_000)], k=count))


MENU, LICENCE, QUOTE = make_sentence(-1), make_sentence(-2).upper(), "这是一段在许多文章里都出现过的很长的中文段落"


def make_page(number: int, *passages: str, glue: str = "\n\n") -> str:
    return glue.join(
        [make_sentence(number * 10), *passages, make_sentence(number * 10 + 1, max(300 - 60 * number, 15))]
    )


def test_a_repeated_paragraph_is_kept_in_the_first_document_only(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = [
        make_page(1, MENU, "short passage"),
        make_page(2, MENU.title() + "!", LICENCE, "short passage"),
        make_page(3, QUOTE),
        make_page(4, LICENCE, QUOTE),
    ]
    draft = build_dedup(
        make_draft, "out", make_clean_artifact(tmp_path / "in", texts, 2), repeated_passages="paragraphs"
    )
    assert read_documents(draft.path) == [texts[0], make_page(2, LICENCE, "short passage"), texts[2], make_page(4)]
    assert draft.counts["repeated_parts"] == 3
    assert draft.counts["emptied"] == 0
    nothing = build_dedup(make_draft, "none", make_clean_artifact(tmp_path / "again", texts, 2))
    assert read_documents(nothing.path) == texts
    assert not (nothing.path / "parts").exists()


def test_any_number_of_shards_gives_the_same_texts(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = [
        make_page(number, make_sentence(-number % 7 - 9), make_sentence(-number % 5 - 20), glue="\n")
        for number in range(1, 30)
    ]
    results = [
        (read_documents(draft.path), pq.read_table(draft.path / "parts"))
        for count in (1, 4)
        for draft in [
            build_dedup(
                make_draft,
                f"{count}",
                make_clean_artifact(tmp_path / f"{count}", texts, count),
                repeated_passages="lines",
            )
        ]
    ]
    assert results[0] == results[1]
    lines = [line for text in results[0][0] for line in text.split("\n")]
    assert len(set(lines)) == len(lines)
    assert set(lines) == {line for text in texts for line in text.split("\n")}


def test_a_document_of_repeats_only_is_dropped_and_one_may_repeat_itself(tmp_path: Path, make_draft: MakeDraft) -> None:
    own = make_sentence(70)
    texts = [make_page(1, MENU, LICENCE, glue="\n"), f"{MENU}\n{LICENCE}", f"{own}\n{own}\n{own} {own}"]
    draft = build_dedup(make_draft, "out", make_clean_artifact(tmp_path / "in", texts), repeated_passages="lines")
    assert read_documents(draft.path) == [texts[0], texts[2]]
    assert draft.counts["emptied"] == 1
    assert draft.counts["kept"] == 2


def test_passages_of_a_previous_snapshot_are_removed_from_later_ones(tmp_path: Path, make_draft: MakeDraft) -> None:
    first = build_dedup(
        make_draft, "first", make_clean_artifact(tmp_path / "one", [make_page(1, MENU)]), repeated_passages="paragraphs"
    )
    previous = make_artifact(first.path, "dedup")
    new = make_clean_artifact(tmp_path / "two", [make_page(2, MENU, LICENCE), make_page(3, LICENCE)])
    second = build_dedup(make_draft, "second", previous, new, repeated_passages="paragraphs")
    assert read_documents(second.path) == [make_page(2, LICENCE), make_page(3)]
    third = make_clean_artifact(tmp_path / "three", [make_page(4, LICENCE, MENU)])
    last = build_dedup(
        make_draft, "third", previous, make_artifact(second.path, "dedup"), third, repeated_passages="paragraphs"
    )
    assert read_documents(last.path) == [make_page(4)]
    with pytest.raises(StageFailure, match="repeated_passages paragraphs instead of lines"):
        build_dedup(make_draft, "mixed", previous, new, repeated_passages="lines")


def test_passages_are_split_as_str_split_splits_them() -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices(["\n", "a b c ", "中文字", " "], [3, 2, 1, 1], k=40)) for _ in range(50)]
    for rule in (PassageRule("lines", 3), PassageRule("paragraphs", 3)):
        _, rows, positions = find_passages(pa.array(["x y z", *texts]).slice(1), rule)
        expected = [
            (row, position)
            for row, text in enumerate(texts)
            for position, passage in enumerate(text.split(rule.separator))
            if len(passage.replace("中文字", "x x x ").split()) >= 3
        ]
        assert list(zip(rows.tolist(), positions.tolist(), strict=True)) == expected
    assert remove_passages("a\n\nb\n\nc", [1], "\n\n") == "a\n\nc"
