"""Every crawl adds, nothing is redone: decisions about a previous snapshot stay as they are."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.dedup.outputs import ROW_GROUP_DOCUMENTS
from tasks.errors import StageFailure
from tasks.store import Artifact, Draft
from tests.dedup.planted import (
    MakeDraft,
    build_dedup,
    make_artifact,
    make_clean_artifact,
    make_clusters,
    make_id,
    read_documents,
    shuffle_texts,
    write_clean_folder,
)


def test_a_later_snapshot_changes_no_previous_decision(tmp_path: Path, make_draft: MakeDraft) -> None:
    groups = make_clusters(5)
    texts = shuffle_texts(groups, 6)
    third = len(texts) // 3
    parts = [texts[:third], texts[third : 2 * third], [groups[0][0] + " and more" * 3, texts[0], *texts[2 * third :]]]
    groups[0].append(parts[2][0])
    results: list[Artifact] = []
    for number, part in enumerate(parts):
        new = make_clean_artifact(tmp_path / f"in{number}", part, 2)
        draft = build_dedup(make_draft, f"out{number}", *results, new)
        assert draft.counts["documents"] == len(part)
        assert draft.counts["earlier"] == sum(len(read_documents(result.folder)) for result in results)
        results.append(make_artifact(draft.path, "dedup"))
    stays = [text for result in results for text in read_documents(result.folder)]
    assert [len(set(group) & set(stays)) for group in groups] == [1] * len(groups)
    rows = pq.read_table(results[2].folder / "clusters.parquet").to_pylist()
    in_order = {make_id(text): position for position, text in enumerate(stays)}
    assert any(in_order[row["kept_id"]] < in_order[make_id(read_documents(results[2].folder)[0])] for row in rows)
    assert all(row["kept_id"] in in_order for row in rows)
    went = [row["id"] for row in rows if row["kind"] != "leader"]
    assert set(went) & set(in_order) == {make_id(texts[0])}  # it came again and went


def test_two_snapshots_at_once_and_one_after_the_other_keep_the_same(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = shuffle_texts(make_clusters(15), 16)
    old = make_clean_artifact(tmp_path / "old", texts[:80])
    new = make_clean_artifact(tmp_path / "new", texts[80:])
    together = build_dedup(make_draft, "together", old, new)
    first = build_dedup(make_draft, "first", old)
    second = build_dedup(make_draft, "second", make_artifact(first.path, "dedup"), new)
    assert read_documents(together.path) == read_documents(first.path) + read_documents(second.path)


def test_a_tenth_of_new_documents_is_a_tenth_of_the_work(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = shuffle_texts(make_clusters(17, clusters=60, alone=200), 18)
    cut = len(texts) * 10 // 11
    whole = build_dedup(make_draft, "whole", make_clean_artifact(tmp_path / "old", texts[:cut]))
    added = build_dedup(
        make_draft,
        "added",
        make_artifact(whole.path, "dedup"),
        make_clean_artifact(tmp_path / "new", texts[cut:]),
    )
    assert added.counts["near"] > 0
    # a text is read to be sketched, and again where a signature cannot tell: of old ones only then
    work = [draft.counts["documents"] + draft.counts["read_again"] for draft in (whole, added)]
    assert work[1] <= 0.2 * work[0]
    assert added.counts["compared"] <= 0.2 * whole.counts["compared"]


def test_documents_of_a_previous_result_are_read_only_where_a_signature_cannot_tell(
    tmp_path: Path, make_draft: MakeDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [" ".join(f"w{text * 997 + position}" for position in range(60)) for text in range(3 * ROW_GROUP_DOCUMENTS)]
    previous = make_artifact(
        build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "old", texts)).path, "dedup"
    )
    (path,) = (previous.folder / "documents").iterdir()
    read, groups = pq.ParquetFile.iter_batches, []

    def spy(self: pq.ParquetFile, *args: Any, **named: Any) -> Any:
        if self.metadata.num_rows == len(texts):
            groups.extend(named["row_groups"])
        return read(self, *args, **named)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    close = " ".join([*texts[ROW_GROUP_DOCUMENTS].split()[:56], "with", "another", "end"])  # .87 of it
    added = build_dedup(
        make_draft, "added", previous, make_clean_artifact(tmp_path / "new", ["a text of its own", close])
    )
    assert added.counts["read_again"] == 2
    assert groups == [1]

    path.write_bytes(b"neither a new text nor an exact copy asks for this")
    texts_of_their_own = [texts[7].upper(), texts[-1], *(f"another new text, number {number}" for number in range(9))]
    added = build_dedup(make_draft, "unread", previous, make_clean_artifact(tmp_path / "apart", texts_of_their_own))
    assert (added.counts["exact"], added.counts["kept"]) == (2, 9)
    listed = pq.read_table(added.path / "clusters.parquet").to_pylist()
    assert [row["kept_id"] for row in listed] == [make_id(texts[7]), make_id(texts[-1])]


def test_previous_results_of_other_settings_are_refused(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = make_clean_artifact(tmp_path / "in", shuffle_texts(make_clusters(8, 3, 3), 9))
    first = make_artifact(build_dedup(make_draft, "first", texts, seed=3).path, "dedup")
    for number, (settings, message) in enumerate(
        [
            ({}, "seed 3 instead of 1"),
            ({"seed": 3, "ngram_size": 4}, "ngram_size 5 instead of 4"),
            ({"seed": 3, "near_duplicates": False}, "bands 21 instead of 0"),
        ]
    ):
        with pytest.raises(StageFailure, match=message):
            build_dedup(make_draft, f"other{number}", first, texts, **settings)
    other = make_artifact(write_clean_folder(tmp_path / "older", ["a"]), "dedup")
    with pytest.raises(StageFailure, match="holds no index"):
        build_dedup(make_draft, "older", other, texts)
    (first.folder / "bands" / "00000.parquet").write_bytes(b"torn")
    with pytest.raises(StageFailure, match="cannot be read as Parquet"):
        build_dedup(make_draft, "torn", first, texts, seed=3)


def test_a_snapshot_of_copies_gives_an_empty_result_that_later_ones_can_use(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    texts = shuffle_texts(make_clusters(19, 3, 3), 20)
    first = make_artifact(build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "one", texts)).path, "dedup")
    again = build_dedup(
        make_draft, "again", first, make_clean_artifact(tmp_path / "two", [text.upper() for text in texts])
    )
    assert again.counts["kept"] == 0
    assert again.counts["exact"] + again.counts["near"] == len(texts)
    new = make_clean_artifact(tmp_path / "three", [*texts[:3], "a text that no previous snapshot has"])
    third = build_dedup(make_draft, "third", first, make_artifact(again.path, "dedup"), new)
    assert read_documents(third.path) == ["a text that no previous snapshot has"]


def test_a_snapshot_without_documents_gives_an_empty_result_that_later_ones_can_use(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    texts = shuffle_texts(make_clusters(21, 2, 3), 22)
    first = make_artifact(build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "one", texts)).path, "dedup")
    nothing = build_dedup(make_draft, "nothing", first, make_clean_artifact(tmp_path / "two", []))
    assert (nothing.counts["documents"], nothing.counts["kept"]) == (0, 0)
    new = make_clean_artifact(tmp_path / "three", [texts[0], "a text that no previous snapshot has"])
    third = build_dedup(make_draft, "third", first, make_artifact(nothing.path, "dedup"), new)
    assert read_documents(third.path) == ["a text that no previous snapshot has"]


def test_only_exact_copies_of_previous_documents_are_dropped_when_near_duplicates_is_off(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    words = " ".join(f"w{number}" for number in range(100))
    first = build_dedup(
        make_draft, "first", make_clean_artifact(tmp_path / "one", [words, "???"]), near_duplicates=False
    )
    new = make_clean_artifact(tmp_path / "two", [words + " x", words.upper(), "???", "!!!"])
    second = build_dedup(make_draft, "second", make_artifact(first.path, "dedup"), new, near_duplicates=False)
    assert read_documents(second.path) == [words + " x", "!!!"]


def test_a_new_document_joins_a_previous_cluster_and_previous_clusters_stay_separate(
    tmp_path: Path, make_draft: MakeDraft
) -> None:
    def words(start: int) -> str:
        return " ".join(f"w{number:03}" for number in range(start, start + 400))

    def cluster_of(draft: Draft) -> dict[str, str]:
        rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
        return {row["id"]: row["cluster_id"] for row in rows}

    # texts 25 words apart share .88, 50 words .77; the longer two rank first, so both stay
    texts = [words(0) + " end", words(25), words(50) + " end"]
    first = build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "one", texts))
    (name,) = set(cluster_of(first).values())
    assert first.counts["kept"] == 2
    previous = make_artifact(first.path, "dedup")
    second = build_dedup(
        make_draft,
        "second",
        previous,
        make_clean_artifact(tmp_path / "two", [text + " x" for text in read_documents(first.path)]),
    )
    assert set(cluster_of(second).values()) == {name}
    # what lies between two that were told apart joins one of them
    apart = build_dedup(make_draft, "apart", make_clean_artifact(tmp_path / "three", [words(0), words(60)]))
    assert cluster_of(apart) == {}
    between = build_dedup(
        make_draft, "between", make_artifact(apart.path, "dedup"), make_clean_artifact(tmp_path / "four", [words(30)])
    )
    assert cluster_of(between)[make_id(words(30))] in {make_id(words(0)), make_id(words(60))}


def test_previous_results_without_clusters_are_refused(tmp_path: Path, make_draft: MakeDraft) -> None:
    texts = [" ".join(f"w{number:03}" for number in range(start, start + 400)) for start in (0, 30, 60)]
    first = build_dedup(make_draft, "first", make_clean_artifact(tmp_path / "one", texts[:2]))
    path = first.path / "clusters.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["cluster_id"]), path)
    with pytest.raises(StageFailure, match="names no clusters"):
        build_dedup(
            make_draft, "second", make_artifact(first.path, "dedup"), make_clean_artifact(tmp_path / "two", texts[2:])
        )
