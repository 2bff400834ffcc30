import json
import random
import zipfile
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.decontamination.decontaminate import excise_matches
from tasks.dedup.decontamination.ngrams import EvaluationNgrams, find_matches, hash_evaluation_set, index_ngrams
from tasks.dedup.evaluation_sets import digest_evaluation_set, list_files, read_texts
from tasks.dedup.minhash.words import split_words
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure
from tests.dedup.planted import MakeDraft, build_dedup, make_clean_artifact, make_id, read_documents

LEAK = "which of these four rivers runs through the capital city of the oldest republic in europe"
HAN = "北京大学创办于一八九八年初名京师大学堂是中国第一所国立综合性大学"


def make_filler(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices([f"word{number}" for number in range(5_000)], k=count))


def index_texts(tmp_path: Path, *texts: str) -> EvaluationNgrams:
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(json.dumps({"question": text, "label": 3}) for text in texts), encoding="utf-8")
    return index_ngrams([hash_evaluation_set(str(path), 13)[0]])


def share_ngram(one: str, other: str, size: int = 13) -> bool:
    grams = [
        {tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)}
        for tokens in (split_words(one), split_words(other))
    ]
    return bool(grams[0] & grams[1])


def test_a_leak_and_its_context_are_cut_out_and_listed(tmp_path: Path, make_draft: MakeDraft) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "quiz.jsonl").write_text(json.dumps({"q": LEAK.upper() + "?", "a": ["the tiber"]}) + "\n")
    (tmp_path / "sets" / "chinese.txt").write_text(HAN, encoding="utf-8")
    before, after = make_filler(1, 200), make_filler(2, 200)
    leaks = [f"{before} {LEAK} {after}", make_filler(3, 30) + HAN + make_filler(4, 100), LEAK]
    clean = [make_filler(5, 100), before + " which of these four rivers runs", ""]
    draft = build_dedup(
        make_draft,
        "out",
        make_clean_artifact(tmp_path / "in", [*leaks, *clean], 2),
        decontaminate={"sets": [str(tmp_path / "sets" / "quiz.jsonl"), str(tmp_path / "sets" / "chinese.txt")]},
    )
    texts = read_documents(draft.path)
    assert texts[0] == f"{before[:-199].strip()}\n\n{after[199:].strip()}"
    assert len(texts) == 5
    assert texts[2:] == clean
    assert not any(share_ngram(text, leak) for text in texts for leak in (LEAK, HAN))
    rows = pq.read_table(draft.path / "contamination.parquet").to_pylist()
    assert [(row["id"], row["set"], row["done"]) for row in rows] == [
        (make_id(leaks[0]), "quiz.jsonl", "cut out"),
        (make_id(leaks[1]), "chinese.txt", "cut out"),
        (make_id(leaks[2]), "quiz.jsonl", "document dropped"),
    ]
    assert split_words(rows[0]["excerpt"]) == split_words(LEAK)[:13]
    assert draft.counts["kept"] == 5
    assert draft.counts["contamination"] == {"n_grams": 24, "short_texts": 1, "phrases": 0, "cut": 2, "dropped": 1}
    assert sorted(pq.read_table(draft.path / "bands").column("row").unique().to_pylist()) == list(range(5))


def test_clusters_name_no_kept_document_where_that_one_held_a_leak(tmp_path: Path, make_draft: MakeDraft) -> None:
    (tmp_path / "set.txt").write_text(LEAK)
    leak = f" {LEAK} ".join(make_filler(seed, 200) for seed in range(12))
    clean = make_filler(20, 200)
    pages = make_clean_artifact(tmp_path / "in", [leak, leak + "!", clean, clean + "!"])

    draft = build_dedup(make_draft, "out", pages, decontaminate={"sets": [str(tmp_path / "set.txt")]})

    (kept,) = read_documents(draft.path)
    clusters = defaultdict(set)
    for row in pq.read_table(draft.path / "clusters.parquet").to_pylist():
        clusters[row["cluster_id"], row["kept_id"]].add(row["id"])
    assert {kept_id: ids for (_, kept_id), ids in clusters.items()} == {
        None: {make_id(leak), make_id(leak + "!")},
        make_id(kept): {make_id(clean), make_id(clean + "!")},
    }
    assert len(clusters) == 2


def test_an_ngram_of_many_documents_is_a_phrase_and_is_kept(tmp_path: Path, make_draft: MakeDraft) -> None:
    (tmp_path / "set.txt").write_text(LEAK)
    texts = [f"{make_filler(seed, 100)} {LEAK}" for seed in range(11)]
    sets = {"sets": [str(tmp_path / "set.txt")]}
    draft = build_dedup(make_draft, "phrase", make_clean_artifact(tmp_path / "in", texts), decontaminate=sets)
    assert read_documents(draft.path) == texts
    assert draft.counts["contamination"]["phrases"] == len(split_words(LEAK)) - 12
    fewer = build_dedup(make_draft, "leak", make_clean_artifact(tmp_path / "fewer", texts[:10]), decontaminate=sets)
    assert not any(LEAK in text for text in read_documents(fewer.path))


def test_short_fragments_are_dropped_and_many_fragments_drop_the_document(tmp_path: Path) -> None:
    ngrams = index_texts(tmp_path, LEAK)

    def excise_leaks(text: str) -> str | None:
        matches = find_matches(text, 13, ngrams)
        return excise_matches(text, matches, context_chars=200, min_fragment_chars=200, max_fragments=10).text

    short_and_long = f"{make_filler(1, 40)} {LEAK} {make_filler(2, 300)}"
    fragment = excise_leaks(short_and_long)
    assert fragment == short_and_long[-len(fragment or "") :]
    fragments = [make_filler(seed, 200) for seed in range(12)]
    assert excise_leaks(f" {LEAK} ".join(fragments[:10])) is not None
    assert excise_leaks(f" {LEAK} ".join(fragments)) is None
    assert excise_leaks(f"a {LEAK} b") is None
    untouched = excise_matches(LEAK, [], context_chars=200, min_fragment_chars=200, max_fragments=10)
    assert untouched == (LEAK, [])


def test_matches_are_exactly_the_shared_ngrams(tmp_path: Path) -> None:
    ngrams = index_texts(tmp_path, LEAK, HAN)
    text = f"so: {' '.join(LEAK.split()[1:])} {HAN[:13]}"
    excerpts = [text[match.start : match.end] for match in find_matches(text, 13, ngrams)]
    inside = LEAK.split()[1:]
    assert excerpts == [" ".join(inside[start : start + 13]) for start in range(len(inside) - 12)] + [HAN[:13]]
    assert find_matches("nothing at all", 13, ngrams) == []
    assert find_matches("", 13, ngrams) == []


def test_every_format_gives_its_strings(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": "one", "b": {"c": ["two", 3]}}\n\n{"a": "three"}\n')
    (tmp_path / "b.tsv").write_text('four\t"five\n')
    (tmp_path / "c.txt").write_text("six\nseven")
    pq.write_table(pa.table({"x": ["eight"], "y": [1]}), tmp_path / "d.parquet")
    (tmp_path / "e.csv").write_text("no")
    texts = [list(read_texts(tmp_path / name)) for name in ("a.jsonl", "b.tsv", "c.txt", "d.parquet")]
    assert texts == [["one", "two", "three"], ["four", '"five'], ["six\nseven"], ["eight"]]


def test_sets_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="does not exist"):
        hash_evaluation_set(str(tmp_path / "none"), 13)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageFailure, match="holds no file of texts"):
        hash_evaluation_set(str(tmp_path / "empty"), 13)
    for name, content in (("torn.jsonl", b"{"), ("torn.parquet", b"PAR1"), ("binary.txt", b"\0\0\0\1\0")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StageFailure, match=f"{name} cannot be read"):
            hash_evaluation_set(str(tmp_path / name), 13)


def test_content_decides_the_key_and_not_the_path(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "set.txt").write_text(LEAK)
    one, other = (Dedup(decontaminate={"sets": [str(tmp_path / folder)]}) for folder in ("one", "two"))
    assert one.semantic() == other.semantic()
    before = digest_evaluation_set(str(tmp_path / "one"))
    (tmp_path / "one" / "set.txt").write_text(LEAK + "!")
    assert digest_evaluation_set(str(tmp_path / "one")) != before
    assert Dedup(decontaminate={"ngram_size": 8}).semantic() == Dedup().semantic()


def test_evaluation_sets_are_read_as_evaluation_reads_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sets.zip", "w") as archive:
        archive.writestr("made/one.json", json.dumps({"data": [{"text": "one é"}, {"text": "two"}]}))
        archive.writestr("made/two.tsv", "three é\tx\n".encode("latin-1"))
        archive.writestr("made/picture.png", b"\x89PNG")
    files = list_files(str(tmp_path / "sets.zip"))
    assert [path.name for path in files] == ["one.json", "two.tsv"]
    assert [text for path in files for text in read_texts(path)] == ["one é", "two", "three é", "x"]
    assert digest_evaluation_set(str(tmp_path / "sets.zip"))
