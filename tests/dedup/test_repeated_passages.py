import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.repeated_passages import parts_of, without
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, artifact, as_clean, built, texts_in


def sentence(seed: int, count: int = 20) -> str:
    return " ".join(random.Random(seed).choices([f"word{number}" for number in range(3_000)], k=count))


MENU, LICENCE, QUOTE = sentence(-1), sentence(-2).upper(), "这是一段在许多文章里都出现过的很长的中文段落"


def page(number: int, *parts: str, glue: str = "\n\n") -> str:
    return glue.join([sentence(number * 10), *parts, sentence(number * 10 + 1, max(300 - 60 * number, 15))])


def test_a_repeated_paragraph_stays_in_the_first_document_only(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = [
        page(1, MENU, "short part"),
        page(2, MENU.title() + "!", LICENCE, "short part"),
        page(3, QUOTE),
        page(4, LICENCE, QUOTE),
    ]
    draft = built(make_draft, "out", as_clean(tmp_path / "in", texts, 2), parts="paragraphs")
    assert texts_in(draft.path) == [texts[0], page(2, LICENCE, "short part"), texts[2], page(4)]
    assert draft.counts["repeated_parts"] == 3
    assert draft.counts["emptied"] == 0
    nothing = built(make_draft, "none", as_clean(tmp_path / "again", texts, 2))
    assert texts_in(nothing.path) == texts
    assert not (nothing.path / "parts").exists()


def test_any_number_of_shards_gives_the_same_texts(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = [page(number, sentence(-number % 7 - 9), sentence(-number % 5 - 20), glue="\n") for number in range(1, 30)]
    seen = [
        (texts_in(draft.path), pq.read_table(draft.path / "parts"))
        for count in (1, 4)
        for draft in [built(make_draft, f"{count}", as_clean(tmp_path / f"{count}", texts, count), parts="lines")]
    ]
    assert seen[0] == seen[1]
    lines = [line for text in seen[0][0] for line in text.split("\n")]
    assert len(set(lines)) == len(lines)
    assert set(lines) == {line for text in texts for line in text.split("\n")}


def test_a_document_of_repeats_only_goes_and_one_may_repeat_itself(tmp_path: Path, make_draft: MakeDraft) -> None:
    own = sentence(70)
    texts = [page(1, MENU, LICENCE, glue="\n"), f"{MENU}\n{LICENCE}", f"{own}\n{own}\n{own} {own}"]
    draft = built(make_draft, "out", as_clean(tmp_path / "in", texts), parts="lines")
    assert texts_in(draft.path) == [texts[0], texts[2]]
    assert draft.counts["emptied"] == 1
    assert draft.counts["kept"] == 2


def test_what_an_earlier_snapshot_holds_goes_from_later_ones(tmp_path: Path, make_draft: MakeDraft) -> None:
    first = built(make_draft, "first", as_clean(tmp_path / "one", [page(1, MENU)]), parts="paragraphs")
    earlier = artifact(first.path, "dedup")
    new = as_clean(tmp_path / "two", [page(2, MENU, LICENCE), page(3, LICENCE)])
    second = built(make_draft, "second", earlier, new, parts="paragraphs")
    assert texts_in(second.path) == [page(2, LICENCE), page(3)]
    third = as_clean(tmp_path / "three", [page(4, LICENCE, MENU)])
    last = built(make_draft, "third", earlier, artifact(second.path, "dedup"), third, parts="paragraphs")
    assert texts_in(last.path) == [page(4)]
    with pytest.raises(StageFailure, match="parts paragraphs instead of lines"):
        built(make_draft, "mixed", earlier, new, parts="lines")


def test_parts_are_cut_as_str_split_cuts_them() -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices(["\n", "a b c ", "中文字", " "], [3, 2, 1, 1], k=40)) for _ in range(50)]
    for separator in ("\n", "\n\n"):
        _, rows, places = parts_of(pa.array(["x y z", *texts]).slice(1), separator, 3)
        expected = [
            (row, place)
            for row, text in enumerate(texts)
            for place, part in enumerate(text.split(separator))
            if len(part.replace("中文字", "x x x ").split()) >= 3
        ]
        assert list(zip(rows.tolist(), places.tolist(), strict=True)) == expected
    assert without("a\n\nb\n\nc", [1], "\n\n") == "a\n\nc"
