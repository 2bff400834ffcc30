"""Parameter-efficient and semi-supervised fits on sentences of SST-2, with a small BERT of random weights."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tasks.evaluate.examples import Task
from tasks.evaluate.fitting.fits import score
from tasks.evaluate.recipe import Recipe

TRAIN, TEST = 5000, 600


@pytest.fixture(scope="module")
def sentiment(shared: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The task's file and a checkpoint."""
    folder = tmp_path_factory.mktemp("sentiment")
    found = pl.read_csv(shared("sst2") / "train.tsv", separator="\t", quote_char=None)
    rows = found.select(
        pl.col("sentence").str.strip_chars().alias("text"),
        pl.lit("").alias("second"),
        pl.col("label").cast(pl.Int32),
        pl.lit("").alias("origin"),
    ).sample(TRAIN + 2 * TEST, shuffle=True, seed=0)
    parts = rows[:TRAIN], rows[TRAIN : TRAIN + TEST], rows[TRAIN + TEST :]
    Task("sst2", "", "classes", ["negative", "positive"], *parts, []).save(folder / "sst2.parquet")
    return folder / "sst2.parquet", made_checkpoint(folder / "checkpoint", rows["text"].to_list())


def made_checkpoint(folder: Path, texts: list[str]) -> Path:
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=3000, special_tokens=["[PAD]", "[UNK]"]))
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=3000, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128
    )
    BertModel(config).save_pretrained(folder)
    return folder


RUNS = {
    "lora": {"adapt": {"kind": "lora"}},
    "prefix": {"adapt": {"kind": "prefix"}},
    "adapter": {"adapt": {"kind": "adapter"}},
    "pseudo-labels": {"unlabelled": {"way": "pseudo-labels", "most": 800}},
    "consistency": {"unlabelled": {"way": "consistency", "most": 800, "ratio": 1}},
}


@pytest.mark.parametrize("name", RUNS)
def test_sentiment_is_learnt(
    name: str, sentiment: tuple[Path, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data, checkpoint = sentiment
    recipe = Recipe.model_validate({"epochs": 1, "batch": 16, "max_length": 48, "fewest_steps": 100} | RUNS[name])
    model, labels = ("unlabelled", 400) if "unlabelled" in RUNS[name] else ("pretrained", 1600)
    reached = score(tmp_path / "out", data, checkpoint, recipe, model, labels, 0, 0.003)["metrics"]
    record_property("accuracy", reached["accuracy"])
    print(
        f"{name}: accuracy {reached['accuracy']:.3f}, MCC {reached['mcc']:.3f} with {labels} labels a class"
    )  # pytest -s shows it
    assert reached["mcc"] > 0  # always the same class makes 0
