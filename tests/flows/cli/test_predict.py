"""`textmill predict` on a folder of a fine-tuned model, and the documents of a store."""

import time
from pathlib import Path

import polars as pl
import pytest

from flows.cli.command_line import run_command_line
from tasks.inference import batch_prediction
from tasks.store import Store
from tasks.store.manifest import BuildSpec
from tests.inference.test_predicting import keep_with_record


def publish_documents(store: Store) -> str:
    spec = BuildSpec(stage="dedup", version=1, settings={}, semantic={}, inputs=(), fingerprint="f")
    draft = store.draft("dedup", spec.expected_key)
    with draft.write("documents/00000.parquet") as path:
        texts = ["Ann met Bob", "the oak", ""]
        pl.DataFrame(
            {"id": ["1", "2", "3"], "url": ["http://a/1", "http://a/2", "http://a/3"], "text": texts}
        ).write_parquet(path)
    return store.publish(spec, draft, time.time()).key


def test_a_corpus_is_tagged_with_the_addresses_of_its_pages(
    masked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    batch_prediction.open_predictor.cache_clear()
    model, key = str(keep_with_record("tags", masked, tmp_path / "model")), publish_documents(Store.current())
    out = tmp_path / "tags.jsonl"
    assert run_command_line(["predict", model, key[:8], "--out", str(out)]) == 0
    table = pl.read_ndjson(out)
    assert table["origin"].to_list() == ["http://a/1", "http://a/2"]
    printed = capsys.readouterr().out
    assert "2 rows predicted" in printed
    assert "1 rows have no text" in printed
    assert run_command_line(["predict", model, key, "--out", str(out), "--no-text"]) == 0
    assert "text" not in pl.read_ndjson(out).columns
    assert run_command_line(["predict", model, "feed", "--out", str(out)]) == 1
    assert "no clean or dedup artifact with such a key" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--out", "a.csv"], ["--uncertain", "-1"], ["--out", "none/a.jsonl"]])
def test_what_cannot_be_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["predict", "abc", "a.txt", *words]) == 2
    assert words[0] in capsys.readouterr().err
