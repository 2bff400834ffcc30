import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.decontamination.decontaminate import cut
from tasks.dedup.decontamination.ngrams import Wanted, hashes_of, hits, wanted
from tasks.dedup.evaluation_sets import content_digest, texts_of
from tasks.dedup.minhash.words import words
from tasks.dedup.settings import Decontaminate, Dedup
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, as_clean, built, identity, texts_in

LEAK = "which of these four rivers runs through the capital city of the oldest republic in europe"
HAN = "北京大学创办于一八九八年初名京师大学堂是中国第一所国立综合性大学"


def filler(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices([f"word{number}" for number in range(5_000)], k=count))


def among(tmp_path: Path, *texts: str) -> Wanted:
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(json.dumps({"question": text, "label": 3}) for text in texts), encoding="utf-8")
    return wanted([hashes_of(str(path), 13)[0]])


def overlap(one: str, other: str, size: int = 13) -> bool:
    grams = [
        {tuple(found[start : start + size]) for start in range(len(found) - size + 1)}
        for found in (words(one), words(other))
    ]
    return bool(grams[0] & grams[1])


def test_a_leak_and_what_stands_around_it_are_cut_out_and_listed(tmp_path: Path, make_draft: MakeDraft) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "quiz.jsonl").write_text(json.dumps({"q": LEAK.upper() + "?", "a": ["the tiber"]}) + "\n")
    (tmp_path / "sets" / "chinese.txt").write_text(HAN, encoding="utf-8")
    before, after = filler(1, 200), filler(2, 200)
    leaks = [f"{before} {LEAK} {after}", filler(3, 30) + HAN + filler(4, 100), LEAK]
    clean = [filler(5, 100), before + " which of these four rivers runs", ""]
    draft = built(
        make_draft,
        "out",
        as_clean(tmp_path / "in", [*leaks, *clean], 2),
        decontaminate={"sets": [str(tmp_path / "sets" / "quiz.jsonl"), str(tmp_path / "sets" / "chinese.txt")]},
    )
    texts = texts_in(draft.path)
    assert texts[0] == f"{before[:-199].strip()}\n\n{after[199:].strip()}"
    assert len(texts) == 5
    assert texts[2:] == clean
    assert not any(overlap(text, leak) for text in texts for leak in (LEAK, HAN))
    rows = pq.read_table(draft.path / "contamination.parquet").to_pylist()
    assert [(row["id"], row["set"], row["done"]) for row in rows] == [
        (identity(leaks[0]), "quiz.jsonl", "cut out"),
        (identity(leaks[1]), "chinese.txt", "cut out"),
        (identity(leaks[2]), "quiz.jsonl", "document dropped"),
    ]
    assert words(rows[0]["excerpt"]) == words(LEAK)[:13]
    assert draft.counts["kept"] == 5
    assert draft.counts["contamination"] == {"n_grams": 24, "short_texts": 1, "phrases": 0, "cut": 2, "dropped": 1}
    assert sorted(pq.read_table(draft.path / "bands").column("row").unique().to_pylist()) == list(range(5))


def test_clusters_name_none_that_stays_where_the_one_that_did_held_a_leak(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    (tmp_path / "set.txt").write_text(LEAK)
    whole = f" {LEAK} ".join(filler(seed, 200) for seed in range(12))
    texts = [whole, whole + "!", filler(20, 200), filler(20, 200) + "!"]
    sets = {"sets": [str(tmp_path / "set.txt")]}
    draft = built(make_draft, "out", as_clean(tmp_path / "in", texts), decontaminate=sets)
    leaks, clean = {identity(text) for text in texts[:2]}, {identity(text) for text in texts[2:]}
    rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
    assert {row["id"] for row in rows if row["kept_id"] is None} == leaks
    assert {row["id"] for row in rows if row["kept_id"] == identity(texts_in(draft.path)[0])} == clean
    assert [len({row["cluster_id"] for row in rows if row["id"] in group}) for group in (leaks, clean)] == [1, 1]


def test_what_many_documents_hold_is_a_phrase_and_stays(tmp_path: Path, make_draft: MakeDraft) -> None:
    (tmp_path / "set.txt").write_text(LEAK)
    texts = [f"{filler(seed, 100)} {LEAK}" for seed in range(11)]
    sets = {"sets": [str(tmp_path / "set.txt")]}
    draft = built(make_draft, "phrase", as_clean(tmp_path / "in", texts), decontaminate=sets)
    assert texts_in(draft.path) == texts
    assert draft.counts["contamination"]["phrases"] == len(words(LEAK)) - 12
    fewer = built(make_draft, "leak", as_clean(tmp_path / "fewer", texts[:10]), decontaminate=sets)
    assert not any(LEAK in text for text in texts_in(fewer.path))


def test_short_pieces_go_and_many_pieces_drop_the_document(tmp_path: Path) -> None:
    found = among(tmp_path, LEAK)
    settings = Decontaminate()
    made = cut(f"{filler(1, 40)} {LEAK} {filler(2, 300)}", settings, found, set())
    assert made.text == f"{filler(1, 40)} {LEAK} {filler(2, 300)}"[-len(made.text or "") :]
    parts = [filler(seed, 200) for seed in range(12)]
    assert cut(f" {LEAK} ".join(parts[:10]), settings, found, set()).text is not None
    assert cut(f" {LEAK} ".join(parts), settings, found, set()).text is None
    assert cut(f"a {LEAK} b", settings, found, set()).text is None
    untouched = cut(LEAK, settings, found, {hit.hashed for hit in hits(LEAK, 13, found)})
    assert untouched == (LEAK, [])


def test_hits_are_exactly_the_shared_n_grams(tmp_path: Path) -> None:
    found = among(tmp_path, LEAK, HAN)
    text = f"so: {' '.join(LEAK.split()[1:])} {HAN[:13]}"
    places = [text[hit.start : hit.end] for hit in hits(text, 13, found)]
    inside = LEAK.split()[1:]
    assert places == [" ".join(inside[start : start + 13]) for start in range(len(inside) - 12)] + [HAN[:13]]
    assert hits("nothing at all", 13, found) == []
    assert hits("", 13, found) == []


def test_every_format_gives_its_strings(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": "one", "b": {"c": ["two", 3]}}\n\n{"a": "three"}\n')
    (tmp_path / "b.tsv").write_text('four\t"five\n')
    (tmp_path / "c.txt").write_text("six\nseven")
    pq.write_table(pa.table({"x": ["eight"], "y": [1]}), tmp_path / "d.parquet")
    (tmp_path / "e.csv").write_text("no")
    found = [list(texts_of(tmp_path / name)) for name in ("a.jsonl", "b.tsv", "c.txt", "d.parquet")]
    assert found == [["one", "two", "three"], ["four", '"five'], ["six\nseven"], ["eight"]]


def test_sets_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="does not exist"):
        hashes_of(str(tmp_path / "none"), 13)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageFailure, match=r"holds no \.jsonl"):
        hashes_of(str(tmp_path / "empty"), 13)
    for name, content in (("torn.jsonl", b"{"), ("torn.parquet", b"PAR1"), ("latin.txt", "\xe9".encode("latin-1"))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StageFailure, match=f"{name} cannot be read"):
            hashes_of(str(tmp_path / name), 13)


def test_content_decides_the_key_and_not_the_place(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "set.txt").write_text(LEAK)
    here, there = (Dedup(decontaminate={"sets": [str(tmp_path / folder)]}) for folder in ("one", "two"))
    assert here.semantic() == there.semantic()
    before = content_digest(str(tmp_path / "one"))
    (tmp_path / "one" / "set.txt").write_text(LEAK + "!")
    assert content_digest(str(tmp_path / "one")) != before
    assert Dedup(decontaminate={"window": 8}).semantic() == Dedup().semantic()
