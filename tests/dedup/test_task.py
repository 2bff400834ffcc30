import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from tasks.dedup.minhash.signatures import reduce_to_bytes, sketch_texts
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.errors import StageFailure
from tasks.store import Artifact
from tasks.store.draft_journal import DraftJournal
from tests.dedup.planted import (
    MakeDraft,
    build_dedup,
    make_clusters,
    make_id,
    read_documents,
    read_files,
    shuffle_texts,
    write_clean_folder,
)

AsArtifact = Callable[[Path, str], Artifact]


def test_one_of_each_planted_cluster_is_kept(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    groups = make_clusters(0)
    draft = build_dedup(
        make_draft, "one", as_artifact(write_clean_folder(tmp_path / "in", shuffle_texts(groups, 1)), "clean")
    )
    kept_texts = read_documents(draft.path)
    assert [len(set(group) & set(kept_texts)) for group in groups] == [1] * len(groups)
    for group in groups:
        (kept,) = set(group) & set(kept_texts)
        assert len(kept) == max(len(member) for member in group)
    counts = draft.counts
    assert counts["documents"] == sum(map(len, groups)) == counts["kept"] + counts["exact"] + counts["near"]
    assert counts["kept"] == len(groups)


def test_clusters_name_what_was_dropped_and_what_was_kept(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    groups = make_clusters(1)
    draft = build_dedup(
        make_draft, "one", as_artifact(write_clean_folder(tmp_path / "in", shuffle_texts(groups, 2)), "clean")
    )
    kept_ids = {make_id(text) for text in read_documents(draft.path)}
    group_of = {make_id(text): number for number, group in enumerate(groups) for text in group}
    rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
    assert {row["kind"] for row in rows} == {"exact", "near", "leader"}
    assert sorted(row["id"] for row in rows) == sorted(
        make_id(text) for group in groups if len(group) > 1 for text in group
    )
    assert draft.counts["clusters"] == sum(len(group) > 1 for group in groups)
    for row in rows:
        assert (row["id"] in kept_ids) == (row["kind"] == "leader") == (row["kept_id"] == row["id"])
        assert row["kept_id"] == row["cluster_id"]
        assert row["kept_id"] in kept_ids
        assert group_of[row["id"]] == group_of[row["kept_id"]]
        assert row["similarity"] == 1 if row["kind"] != "near" else 0.8 <= row["similarity"] <= 1


def test_copies_of_each_other_are_one_cluster_though_several_are_kept(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    words = [f"w{number}" for number in range(490)]
    # each shares .86 with the next and .74 with the one after
    chain = [" ".join(words[start : start + 400]) for start in (0, 30, 60, 90)]

    draft = build_dedup(make_draft, "chain", as_artifact(write_clean_folder(tmp_path / "in", chain), "clean"))

    assert 1 < draft.counts["kept"] < 4
    assert draft.counts["largest_cluster"] == 4
    rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
    (cluster_id,) = {row["cluster_id"] for row in rows}
    leaders = {row["id"] for row in rows if row["kind"] == "leader"}
    assert cluster_id in leaders
    assert {row["id"] for row in rows} == {make_id(text) for text in chain}


def test_any_number_of_shards_gives_the_same_decision(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    texts = shuffle_texts(make_clusters(2), 3)
    results = []
    for num_shards in (1, 2, 7):
        inputs = as_artifact(write_clean_folder(tmp_path / f"in{num_shards}", texts, num_shards), "clean")
        draft = build_dedup(make_draft, f"shards{num_shards}", inputs)
        clusters = (draft.path / "clusters.parquet").read_bytes()
        results.append((read_documents(draft.path), clusters, pq.read_table(draft.path / "bands")))
        assert len(list((draft.path / "documents").iterdir())) == num_shards
    assert results[0] == results[1] == results[2]


@pytest.mark.slow
def test_two_runs_and_workers_give_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write_clean_folder(tmp_path / "in", shuffle_texts(make_clusters(3), 4), 2), "clean")
    first = read_files(build_dedup(make_draft, "first", inputs))
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    assert read_files(build_dedup(make_draft, "second", inputs)) == first
    kinds = ("documents/{:05d}.parquet", "signatures/{:05d}.arrow")
    per_shard = {kind.format(number) for kind in kinds for number in range(2)}
    assert set(first) == per_shard | {"clusters.parquet", "bands/00000.parquet", "summary.md"}


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write_clean_folder(tmp_path / "in", shuffle_texts(make_clusters(4), 5), 3), "clean")
    whole = read_files(build_dedup(make_draft, "whole", inputs))
    record = DraftJournal.record
    for survives in range(9):
        calls = iter(range(100))

        def dies(self: DraftJournal, *args: Any, calls: Any = calls, survives: int = survives) -> None:
            if next(calls) == survives:
                raise KeyboardInterrupt
            record(self, *args)

        draft = make_draft(f"killed{survives}")
        monkeypatch.setattr(DraftJournal, "record", dies)
        with pytest.raises(KeyboardInterrupt):
            dedup.build(Dedup(), draft, inputs)
        monkeypatch.setattr(DraftJournal, "record", record)
        assert read_files(build_dedup(make_draft, f"killed{survives}", inputs)) == whole


def test_the_better_of_two_duplicates_is_kept_where_a_classifier_scored_them(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    words = " ".join(f"w{number}" for number in range(200))
    inputs = write_clean_folder(tmp_path / "in", [words, words + "!!!", words + " x"])
    path = inputs / "documents" / "00000.parquet"
    scores = pa.array([0.2, None, 0.9], pa.float32())
    pq.write_table(pq.read_table(path).append_column("score_quality", scores), path)
    draft = build_dedup(make_draft, "quality", as_artifact(inputs, "clean"))
    assert read_documents(draft.path) == [words + " x"]


def test_texts_without_words_repeat_only_the_same_text(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    texts = ["???", "!!!", "???", "", None, "a", "A!", "b"]
    draft = build_dedup(make_draft, "odd", as_artifact(write_clean_folder(tmp_path / "in", texts), "clean"))
    assert sorted(text or "" for text in read_documents(draft.path)) == ["", "!!!", "???", "A!", "b"]
    assert draft.counts["near"] == 0


def test_only_exact_copies_are_dropped_when_near_duplicates_is_off(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    words = [f"w{number}" for number in range(200)]
    texts = [" ".join(words), " ".join(words).upper() + ".", " ".join([*words[:-1], "other"])]
    draft = build_dedup(
        make_draft, "exact", as_artifact(write_clean_folder(tmp_path / "in", texts), "clean"), near_duplicates=False
    )
    assert read_documents(draft.path) == texts[1:]
    assert (draft.counts["exact"], draft.counts["near"]) == (1, 0)


def test_bands_are_sorted_and_hold_kept_rows(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    inputs = as_artifact(write_clean_folder(tmp_path / "in", shuffle_texts(make_clusters(6), 7), 3), "clean")
    draft = build_dedup(make_draft, "bands", inputs, seed=5)
    table = pq.read_table(draft.path / "bands")
    keys = table.column("key").to_pylist()
    scheme = json.loads(table.schema.metadata[b"textmill.dedup"])
    assert keys == sorted(keys)
    assert set(table.column("row").to_pylist()) == set(range(draft.counts["kept"]))
    assert len(keys) == (scheme["bands"] + 1) * draft.counts["kept"]
    assert (scheme["scheme"], scheme["seed"], scheme["num_perm"], scheme["shingle"]) == ("affine32", 5, 128, 5)
    for path in sorted((draft.path / "signatures").iterdir()):
        documents = pq.read_table(draft.path / "documents" / f"{path.stem}.parquet")
        sketches = sketch_texts(documents.column("text"), 128, 5, 5)
        index = pa.ipc.open_file(path).read_all()
        assert index.schema.metadata == table.schema.metadata
        assert index.column("id").to_pylist() == documents.column("id").to_pylist()
        assert index.column("digest").to_pylist() == [digest.tobytes() for digest in sketches.digests]
        assert index.column("signature").to_pylist() == [row.tobytes() for row in reduce_to_bytes(sketches.signatures)]


def test_gold_pairs_of_real_articles_are_found(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, shared: Callable[[str], Path]
) -> None:
    folder = shared("minhash-articles-a")
    lines = (folder / "articles_1000.train").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split(" ", 1) for line in lines)
    gold = [line.split() for line in (folder / "articles_1000.truth").read_text().splitlines()]
    draft = build_dedup(
        make_draft, "gold", as_artifact(write_clean_folder(tmp_path / "in", list(texts.values())), "clean")
    )
    kept_texts = set(read_documents(draft.path))
    assert len(gold) == 10
    assert all((texts[one] in kept_texts) != (texts[other] in kept_texts) for one, other in gold)
    assert draft.counts["kept"] == len(texts) - len(gold)


def test_no_documents_is_a_clear_failure(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    with pytest.raises(StageFailure, match="no document came in"):
        build_dedup(make_draft, "none", as_artifact(write_clean_folder(tmp_path / "none", []), "clean"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageFailure, match="no documents"):
        build_dedup(make_draft, "empty", as_artifact(tmp_path / "empty", "clean"))


def test_a_broken_or_foreign_file_is_named(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    inputs = as_artifact(write_clean_folder(tmp_path / "broken", ["a"]), "clean")
    (inputs.folder / "documents" / "00000.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(StageFailure, match=r"broken/documents/00000\.parquet cannot be read"):
        build_dedup(make_draft, "broken", inputs)
    foreign = write_clean_folder(tmp_path / "foreign", ["a"]) / "documents" / "00000.parquet"
    pq.write_table(pa.table({"id": ["x"]}), foreign)
    with pytest.raises(StageFailure, match="no column 'text'"):
        build_dedup(make_draft, "foreign", as_artifact(tmp_path / "foreign", "clean"))


def test_texts_as_a_dictionary_are_read_too(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    groups = make_clusters(11, 4, 4)
    inputs = write_clean_folder(tmp_path / "in", shuffle_texts(groups, 12))
    path = inputs / "documents" / "00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "text", table.column("text").dictionary_encode()), path)
    draft = build_dedup(make_draft, "dictionary", as_artifact(inputs, "clean"), threshold=0.9)
    assert draft.counts["read_again"] > 0
    assert draft.counts["kept"] >= len(groups)


def test_the_settings_are_a_form_and_checked() -> None:
    schema = Dedup.model_json_schema()["properties"]
    assert all(field["description"] for field in schema.values())
    for wrong in ({"threshold": 0.1}, {"num_perm": 4}, {"treshold": 0.8}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Dedup(**wrong)
