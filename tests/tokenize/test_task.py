import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from tasks.errors import StageFailure
from tasks.store import Artifact, Draft
from tasks.store.draft_journal import DraftJournal
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.splits import SplitFractions, choose_split
from tasks.tokenize.task import tokenize

MakeDraft = Callable[..., Draft]
AsArtifact = Callable[[Path, str], Artifact]
SETTINGS = {"vocab_size": 420, "sentinels": 10, "validation_fraction": 0.1, "heldout_fraction": 0.2}
FRACTIONS = SplitFractions(0.1, 0.2)
TEXTS = [
    f"第{n}篇文章讲的是长江与黄河。它很短！" if n % 3 == 0 else f"Document {n} says: page{n} is short. It ends here."
    for n in range(120)
]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")


def write_dedup_folder(folder: Path, texts: list[str], num_shards: int = 2) -> Path:
    """An artifact of a dedup stage with these texts."""
    (folder / "documents").mkdir(parents=True)
    for shard in range(num_shards):
        part = texts[shard::num_shards]
        table = pa.table(
            {
                "id": pa.array([f"id {text}" for text in part], pa.string()),
                "url": pa.array([f"http://a/{text}" for text in part], pa.string()),
                "title": pa.array([None for _ in part], pa.string()),
                "text": pa.array(part, pa.large_string()),
                "language": pa.array(["zh" if text.startswith("第") else "en" for text in part], pa.string()),
                "score_length": pa.array([1.0 for _ in part], pa.float32()),
            }
        )
        pq.write_table(table, folder / "documents" / f"{shard:05d}.parquet")
    return folder


def build_tokenize(make_draft: MakeDraft, name: str, *inputs: Artifact, **settings: Any) -> Draft:
    draft = make_draft(name)
    tokenize.build(Tokenize(**(SETTINGS | settings)), draft, *inputs)
    return draft


def read_files(draft: Draft) -> dict[str, bytes]:
    return {
        str(path.relative_to(draft.path)): path.read_bytes()
        for path in sorted(draft.path.rglob("*"))
        if path.is_file() and not path.relative_to(draft.path).parts[0].startswith(".")
    }


@pytest.mark.parametrize("algorithm", ["bpe", "wordpiece", "unigram"])
def test_datasets_opens_the_shards(
    algorithm: str, tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    draft = build_tokenize(
        make_draft, algorithm, as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup"), algorithm=algorithm
    )
    tokenizer = AutoTokenizer.from_pretrained(draft.path / "tokenizer")
    for split in ("train", "validation"):
        files = [str(path) for path in sorted((draft.path / split).glob("*.arrow"))]
        opened = datasets.load_dataset("arrow", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
        assert opened.features["input_ids"].feature.dtype == "uint16"
        expected_texts = {f"id {text}": text for text in TEXTS if choose_split(text, FRACTIONS) == split}
        assert set(opened["id"]) == set(expected_texts)
        for row in opened:
            expected = tokenizer(expected_texts[row["id"]], add_special_tokens=False)["input_ids"]
            assert row["input_ids"] == [*expected, tokenizer.eos_token_id]
            assert len(row["sentences"]) == 2
        assert draft.counts["documents"][split] == len(opened)
        assert draft.counts["tokens"][split] == sum(map(len, opened["input_ids"]))


def test_documents_held_out_are_in_no_shard_and_not_in_the_vocabulary(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    heldout = [text for text in TEXTS if choose_split(text, FRACTIONS) == "heldout"]
    kept_out = [text for text in TEXTS if choose_split(text, FRACTIONS) != "train"]
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup")
    draft = build_tokenize(make_draft, "heldout", inputs, algorithm="wordpiece")
    rows = [row for path in sorted((draft.path / "heldout").iterdir()) for row in pq.read_table(path).to_pylist()]
    assert sorted(row["text"] for row in rows) == sorted(heldout)
    assert set(rows[0]) == {"id", "url", "title", "text", "language"}
    for split in ("train", "validation"):
        for path in (draft.path / split).iterdir():
            assert not set(pa.ipc.open_file(path).read_all().column("id").to_pylist()) & {
                f"id {text}" for text in heldout
            }
    # letters that only those documents have: a vocabulary that had seen them would know them
    marked = [text + " ЖЖЖЖ" if text in kept_out else text for text in TEXTS]
    splits = {text: choose_split(text, FRACTIONS) for text in marked}
    kept_texts = [text for text in marked if not (text.endswith("ЖЖЖЖ") and splits[text] == "train")]
    other = build_tokenize(
        make_draft,
        "marked",
        as_artifact(write_dedup_folder(tmp_path / "marked", kept_texts), "dedup"),
        algorithm="wordpiece",
    )
    assert any(text.endswith("ЖЖЖЖ") for text in kept_texts)
    assert "ж" not in (other.path / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_two_runs_and_workers_give_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup")
    first = read_files(build_tokenize(make_draft, "first", inputs))
    monkeypatch.setenv("TEXTMILL_WORKERS", "2")
    assert read_files(build_tokenize(make_draft, "second", inputs)) == first
    shards = {f"{part}/{number:05d}-000.arrow" for part in ("train", "validation") for number in range(2)}
    others = {
        "heldout/00001.parquet",
        "tokenizer/tokenizer.json",
        "statistics.json",
        "statistics.parquet",
        "summary.md",
    }
    assert shards | others <= set(first)


def test_a_killed_run_goes_on_to_the_same_bytes(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup")
    whole = read_files(build_tokenize(make_draft, "whole", inputs))
    record = DraftJournal.record
    for survives in range(5):
        calls = iter(range(100))

        def dies(self: DraftJournal, *args: Any, calls: Any = calls, survives: int = survives) -> None:
            if next(calls) == survives:
                raise KeyboardInterrupt
            record(self, *args)

        draft = make_draft(f"killed{survives}")
        monkeypatch.setattr(DraftJournal, "record", dies)
        with pytest.raises(KeyboardInterrupt):
            tokenize.build(Tokenize(**SETTINGS), draft, inputs)
        monkeypatch.setattr(DraftJournal, "record", record)
        assert read_files(build_tokenize(make_draft, f"killed{survives}", inputs)) == whole


def test_statistics_add_up(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    draft = build_tokenize(make_draft, "one", as_artifact(write_dedup_folder(tmp_path / "in", TEXTS, 3), "dedup"))
    statistics = json.loads((draft.path / "statistics.json").read_text())
    assert sum(statistics["documents"].values()) == len(TEXTS)
    assert set(statistics["languages"]) == {"en", "zh"}
    assert sum(totals["tokens"] for totals in statistics["languages"].values()) == sum(statistics["tokens"].values())
    num_bytes = sum(len(text.encode()) for text in TEXTS if choose_split(text, FRACTIONS) != "heldout")
    assert statistics["bytes_per_token"] == round(num_bytes / sum(statistics["tokens"].values()), 4)
    assert statistics["unknown"] == 0
    assert statistics["vocabulary"] == draft.counts["vocabulary"] <= 420
    assert statistics["languages"]["zh"]["words_per_token"] > 0
    assert statistics["sources"] == {"a": statistics["sources"]["a"]}
    assert statistics["sources"]["a"]["tokens"] == sum(statistics["tokens"].values())
    assert f"| train | {statistics['documents']['train']} |" in (draft.path / "summary.md").read_text()


def test_a_split_without_documents_is_a_clear_failure(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    with pytest.raises(StageFailure, match="of 0 documents none falls to train"):
        build_tokenize(make_draft, "none", as_artifact(write_dedup_folder(tmp_path / "none", []), "dedup"))
    with pytest.raises(StageFailure, match=r"of 3 documents none falls to validation.*tokenize\.validation_fraction"):
        build_tokenize(
            make_draft,
            "few",
            as_artifact(write_dedup_folder(tmp_path / "few", TEXTS[:3]), "dedup"),
            validation_fraction=0.0001,
            heldout_fraction=0,
        )
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageFailure, match="no documents"):
        build_tokenize(make_draft, "empty", as_artifact(tmp_path / "empty", "dedup"))


def test_splits_can_be_switched_off(tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact) -> None:
    draft = build_tokenize(
        make_draft,
        "all",
        as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup"),
        validation_fraction=0,
        heldout_fraction=0,
    )
    assert draft.counts["documents"] == {"train": len(TEXTS), "validation": 0, "heldout": 0}


def test_weights_repeat_rows_of_the_training_split_only(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup")
    rules = [{"language": "zh", "weight": 2.5}, {"source": "a", "language": "en", "weight": 0}]
    draft = build_tokenize(make_draft, "mixed", inputs, weights=rules)
    again = build_tokenize(make_draft, "again", inputs, weights=rules)
    assert read_files(draft) == read_files(again)
    rows = {part: read_ids(draft.path / part) for part in ("train", "validation")}
    chinese = [text for text in TEXTS if text.startswith("第") and choose_split(text, FRACTIONS) == "train"]
    assert set(rows["train"]) == {f"id {text}" for text in chinese}
    assert {rows["train"].count(row_id) for row_id in rows["train"]} == {2, 3}
    assert sorted(rows["validation"]) == sorted(
        f"id {text}" for text in TEXTS if choose_split(text, FRACTIONS) == "validation"
    )
    statistics = json.loads((draft.path / "statistics.json").read_text())
    assert statistics["documents"]["train"] == len(chinese)
    zh = statistics["languages"]["zh"]
    assert zh["rows"] == len(rows["train"]) + sum(row_id.startswith("id 第") for row_id in rows["validation"])
    assert zh["row_tokens"] > 2 * zh["tokens"] * 0.8
    assert draft.counts["tokens"]["train"] == sum(count_shard_tokens(draft.path / "train"))


def test_shards_are_of_the_size_that_is_asked_for(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS, 1), "dedup")
    whole = build_tokenize(make_draft, "whole", inputs)
    small = build_tokenize(make_draft, "small", inputs, shard_tokens=200)
    assert len(list((small.path / "train").iterdir())) > 3
    assert read_ids(small.path / "train") == read_ids(whole.path / "train")
    assert all(tokens < 300 for tokens in count_shard_tokens(small.path / "train"))


def read_ids(folder: Path) -> list[str]:
    """The ids of the documents in the shards of a folder."""
    return [
        row_id for path in sorted(folder.iterdir()) for row_id in pa.ipc.open_file(path).read_all()["id"].to_pylist()
    ]


def count_shard_tokens(folder: Path) -> list[int]:
    """The tokens in each shard of a folder."""
    tables = [pa.ipc.open_file(path).read_all() for path in sorted(folder.iterdir())]
    return [sum(map(len, table["input_ids"].to_pylist())) for table in tables]


def test_a_later_snapshot_has_the_first_ones_vocabulary(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    first = build_tokenize(make_draft, "first", as_artifact(write_dedup_folder(tmp_path / "one", TEXTS), "dedup"))
    tokens = as_artifact(first.path, "tokenize")
    news = [f"Entirely new words {n}: zebra quagga okapi." for n in range(60)]
    new = as_artifact(write_dedup_folder(tmp_path / "two", news), "dedup")
    second = build_tokenize(make_draft, "second", new, tokens)
    third = build_tokenize(
        make_draft, "third", new, tokens, as_artifact(second.path, "tokenize"), weights=[{"weight": 2}]
    )
    for draft in (second, third):
        assert {name: text for name, text in read_files(draft).items() if name.startswith("tokenizer/")} == {
            name: text for name, text in read_files(first).items() if name.startswith("tokenizer/")
        }
    assert set(read_ids(second.path / "train")) <= {f"id {text}" for text in news}
    nothing = build_tokenize(
        make_draft, "nothing", as_artifact(write_dedup_folder(tmp_path / "three", []), "dedup"), tokens
    )
    assert nothing.counts["documents"] == {"train": 0, "validation": 0, "heldout": 0}
    with pytest.raises(StageFailure, match=r"tokenize\.algorithm is wordpiece.*made with bpe.*set it back"):
        build_tokenize(make_draft, "other", new, tokens, algorithm="wordpiece")
    with pytest.raises(StageFailure, match="is no artifact of the tokenize stage"):
        build_tokenize(make_draft, "wrong", new, new)
    strange = build_tokenize(make_draft, "strange", new)
    with pytest.raises(StageFailure, match="has another vocabulary than"):
        build_tokenize(make_draft, "mixed", new, tokens, as_artifact(strange.path, "tokenize"))


def test_an_existing_tokenizer_is_used_and_its_content_is_the_key(
    tmp_path: Path, make_draft: MakeDraft, as_artifact: AsArtifact
) -> None:
    inputs = as_artifact(write_dedup_folder(tmp_path / "in", TEXTS), "dedup")
    trained = build_tokenize(make_draft, "trained", inputs)
    folder = tmp_path / "existing"
    shutil.copytree(trained.path / "tokenizer", folder)
    used = build_tokenize(make_draft, "used", inputs, tokenizer=str(folder))
    assert count_shard_tokens(used.path / "train") == count_shard_tokens(trained.path / "train")
    settings = Tokenize(tokenizer=str(folder))
    table = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(table, sort_keys=True))
    assert settings.semantic() == Tokenize(tokenizer=str(folder), vocab_size=999, algorithm="unigram").semantic()
    assert "vocab_size" not in settings.semantic()
    before = settings.semantic()
    table["normalizer"] = {"type": "NFC"}
    (folder / "tokenizer.json").write_text(json.dumps(table))
    assert settings.semantic() != before


def test_the_settings_are_a_form_and_checked() -> None:
    schema = Tokenize.model_json_schema()["properties"]
    assert all(field["description"] for field in schema.values())
    for wrong in ({"algorithm": "bytes"}, {"vocab_size": 10}, {"vocab_sise": 500}, {"vocab_size": 300}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Tokenize(**wrong)
    with pytest.raises(ValueError, match="leave nothing to train on"):
        Tokenize(validation_fraction=0.5, heldout_fraction=0.5)
