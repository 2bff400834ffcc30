import hashlib
import itertools
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.task import Dedup, dedup
from tasks.draft import Draft
from tasks.failure import StageFailure
from tasks.store import Artifact

MakeDraft = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3_000)]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


def identity(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write(folder: Path, texts: Sequence[str | None], num_shards: int = 1) -> Path:
    """An artifact of a clean stage with these texts, spread over so many shards."""
    (folder / "documents").mkdir(parents=True)
    size = -(-len(texts) // num_shards) or 1
    for shard in range(num_shards):
        part = texts[shard * size : (shard + 1) * size]
        table = pa.table(
            {
                "id": pa.array([identity(text or "") for text in part], pa.string()),
                "url": pa.array([f"http://a/{identity(text or '')}" for text in part], pa.string()),
                "text": pa.array(part, pa.large_string()),
                "score_length": pa.array([float(len(text or "")) for text in part], pa.float32()),
            }
        )
        pq.write_table(table, folder / "documents" / f"{shard:05d}.parquet")
    return folder


def planted(seed: int, clusters: int = 20, alone: int = 40) -> list[list[str]]:
    """Clusters of near-duplicates (one word in a hundred changed, or only the punctuation), and texts like no other."""
    draw = random.Random(seed)
    groups = []
    for group in range(clusters + alone):
        alphabet = HAN if group % 2 else [f"word{number}" for number in range(3_000)]
        words = draw.choices(alphabet, k=300)
        members = [words]
        for _ in range(draw.randrange(1, 5) if group < clusters else 0):
            copy = list(words)
            for place in draw.sample(range(300), draw.randrange(0, 4)):
                copy[place] = draw.choice(alphabet)
            members.append(copy)
        glue = "" if group % 2 else " "
        groups.append([glue.join(words) + "!" * number for number, words in enumerate(members)])
    return groups


def shuffled(groups: list[list[str]], seed: int) -> list[str]:
    texts = list(itertools.chain.from_iterable(groups))
    random.Random(seed).shuffle(texts)
    return texts


def texts_in(folder: Path) -> list[str]:
    files = sorted((folder / "documents").glob("*.parquet"))
    return [text for path in files for text in pq.read_table(path).column("text").to_pylist()]


def built(make_draft: MakeDraft, name: str, *inputs: Artifact, **settings: Any) -> Draft:
    draft = make_draft(name)
    dedup.build(Dedup(**settings), draft, *inputs)
    return draft


def bytes_of(draft: Draft) -> dict[str, bytes]:
    return {
        str(path.relative_to(draft.path)): path.read_bytes()
        for path in sorted(draft.path.rglob("*"))
        if path.is_file() and not path.relative_to(draft.path).parts[0].startswith(".")
    }


def test_one_of_each_planted_cluster_stays(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    groups = planted(0)
    draft = built(make_draft, "one", as_artifact(write(tmp_path / "in", shuffled(groups, 1)), "clean"))
    stays = texts_in(draft.path)
    assert [len(set(group) & set(stays)) for group in groups] == [1] * len(groups)
    for group in groups:
        (kept,) = set(group) & set(stays)
        assert len(kept) == max(len(member) for member in group)
    counts = draft.counts
    assert counts["documents"] == sum(map(len, groups)) == counts["kept"] + counts["exact"] + counts["near"]
    assert counts["kept"] == len(groups)


def test_clusters_name_what_went_and_what_stays(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    groups = planted(1)
    draft = built(make_draft, "one", as_artifact(write(tmp_path / "in", shuffled(groups, 2)), "clean"))
    stays = {identity(text) for text in texts_in(draft.path)}
    group_of = {identity(text): number for number, group in enumerate(groups) for text in group}
    rows = pq.read_table(draft.path / "clusters.parquet").to_pylist()
    assert len(rows) == draft.counts["exact"] + draft.counts["near"]
    assert {row["kind"] for row in rows} == {"exact", "near"}
    for row in rows:
        assert row["id"] not in stays
        assert row["kept_id"] in stays
        assert group_of[row["id"]] == group_of[row["kept_id"]]
        assert row["similarity"] == 1 if row["kind"] == "exact" else 0.8 <= row["similarity"] <= 1


def test_any_number_of_shards_gives_the_same_decision(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    texts = shuffled(planted(2), 3)
    seen = []
    for num_shards in (1, 2, 7):
        inputs = as_artifact(write(tmp_path / f"in{num_shards}", texts, num_shards), "clean")
        draft = built(make_draft, f"shards{num_shards}", inputs)
        clusters = (draft.path / "clusters.parquet").read_bytes()
        seen.append((texts_in(draft.path), clusters, (draft.path / "bands.parquet").read_bytes()))
        assert len(list((draft.path / "documents").iterdir())) == num_shards
    assert seen[0] == seen[1] == seen[2]


def test_two_runs_and_workers_give_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write(tmp_path / "in", shuffled(planted(3), 4), 2), "clean")
    first = bytes_of(built(make_draft, "first", inputs))
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    assert bytes_of(built(make_draft, "second", inputs)) == first
    assert set(first) == {f"documents/{number:05d}.parquet" for number in range(2)} | {
        "clusters.parquet",
        "bands.parquet",
        "summary.md",
    }


def test_a_killed_run_goes_on_to_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write(tmp_path / "in", shuffled(planted(4), 5), 3), "clean")
    whole = bytes_of(built(make_draft, "whole", inputs))
    record = Draft._record
    for survives in range(9):
        calls = iter(range(100))

        def dies(self: Draft, *args: Any, calls: Any = calls, survives: int = survives) -> None:
            if next(calls) == survives:
                raise KeyboardInterrupt
            record(self, *args)

        draft = make_draft(f"killed{survives}")
        monkeypatch.setattr(Draft, "_record", dies)
        with pytest.raises(KeyboardInterrupt):
            dedup.build(Dedup(), draft, inputs)
        monkeypatch.setattr(Draft, "_record", record)
        assert bytes_of(built(make_draft, f"killed{survives}", inputs)) == whole


def test_a_later_snapshot_changes_no_earlier_decision(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    groups = planted(5)
    texts = shuffled(groups, 6)
    old, new = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    longer = [groups[0][0] + " and more" * 3, old[0]]
    first = as_artifact(write(tmp_path / "old", old), "clean")
    second = as_artifact(write(tmp_path / "new", [*longer, *new]), "clean")
    alone = built(make_draft, "alone", first)
    both = built(make_draft, "both", first, second)
    shard = "documents/00000.parquet"
    assert (both.path / shard).read_bytes() == (alone.path / shard).read_bytes()
    stays = texts_in(both.path)
    groups[0].append(longer[0])
    assert [len(set(group) & set(stays)) for group in groups] == [1] * len(groups)


def test_texts_without_words_repeat_only_the_same_text(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    texts = ["???", "!!!", "???", "", None, "a", "A!", "b"]
    draft = built(make_draft, "odd", as_artifact(write(tmp_path / "in", texts), "clean"))
    assert sorted(text or "" for text in texts_in(draft.path)) == ["", "!!!", "???", "A!", "b"]
    assert draft.counts["near"] == 0


def test_only_exact_copies_go_when_near_is_off(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    words = [f"w{number}" for number in range(200)]
    texts = [" ".join(words), " ".join(words).upper() + ".", " ".join([*words[:-1], "other"])]
    draft = built(make_draft, "exact", as_artifact(write(tmp_path / "in", texts), "clean"), near=False)
    assert texts_in(draft.path) == texts[1:]
    assert (draft.counts["exact"], draft.counts["near"]) == (1, 0)


def test_bands_are_sorted_and_hold_what_stays(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    draft = built(make_draft, "bands", as_artifact(write(tmp_path / "in", shuffled(planted(6), 7)), "clean"), seed=5)
    table = pq.read_table(draft.path / "bands.parquet")
    keys = table.column("key").to_pylist()
    scheme = json.loads(table.schema.metadata[b"textmill.dedup"])
    assert keys == sorted(keys)
    assert set(table.column("id").to_pylist()) == {identity(text) for text in texts_in(draft.path)}
    assert len(keys) == scheme["bands"] * draft.counts["kept"]
    assert (scheme["scheme"], scheme["seed"], scheme["num_perm"], scheme["shingle"]) == ("affine32", 5, 128, 5)


def test_gold_pairs_of_real_articles_are_found(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, shared: Callable[[str], Path]
) -> None:
    folder = shared("minhash-articles-a")
    lines = (folder / "articles_1000.train").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split(" ", 1) for line in lines)
    gold = [line.split() for line in (folder / "articles_1000.truth").read_text().splitlines()]
    draft = built(make_draft, "gold", as_artifact(write(tmp_path / "in", list(texts.values())), "clean"))
    stays = set(texts_in(draft.path))
    assert len(gold) == 10
    assert all((texts[one] in stays) != (texts[other] in stays) for one, other in gold)
    assert draft.counts["kept"] == len(texts) - len(gold)


def test_no_documents_is_a_clear_failure(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    with pytest.raises(StageFailure, match="no document came in"):
        built(make_draft, "none", as_artifact(write(tmp_path / "none", []), "clean"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageFailure, match="no documents"):
        built(make_draft, "empty", as_artifact(tmp_path / "empty", "clean"))


def test_a_broken_or_foreign_file_is_named(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    inputs = as_artifact(write(tmp_path / "broken", ["a"]), "clean")
    (inputs.folder / "documents" / "00000.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(StageFailure, match=r"broken/documents/00000\.parquet cannot be read"):
        built(make_draft, "broken", inputs)
    foreign = write(tmp_path / "foreign", ["a"]) / "documents" / "00000.parquet"
    pq.write_table(pa.table({"id": ["x"]}), foreign)
    with pytest.raises(StageFailure, match="no column 'text'"):
        built(make_draft, "foreign", as_artifact(tmp_path / "foreign", "clean"))


def test_the_settings_are_a_form_and_checked() -> None:
    schema = Dedup.model_json_schema()["properties"]
    assert all(field["description"] for field in schema.values())
    for wrong in ({"threshold": 0.1}, {"num_perm": 4}, {"treshold": 0.8}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Dedup(**wrong)
