"""Ways to fit small models of random weights to real data: some weights only, and with more than labels.

Sentences of SST-2 are read by a BERT; captions of Multi30k are translated into German by a GPT-2.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import find_sampled_rows, write_copies
from tasks.downstream.finetuning.continued_pretraining import continue_pretraining
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.finetuning.shards import fit_and_score
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning

pytestmark = pytest.mark.slow

TRAIN, TEST = 5000, 600
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]", "mask_token": "[MASK]"}
SYNONYMS = "film, movie, picture\nfunny, comic, amusing\ngood, fine, solid\nbad, poor, weak\ndull, boring, tedious\n"


@pytest.fixture(scope="module")
def sentiment(shared: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The task's file and a checkpoint."""
    folder = tmp_path_factory.mktemp("sentiment")
    sentences = pl.read_csv(shared("sst2") / "train.tsv", separator="\t", quote_char=None)
    rows = sentences.select(
        pl.col("sentence").str.strip_chars().alias("text"),
        pl.lit("").alias("second"),
        pl.col("label").cast(pl.Int32),
        pl.lit("").alias("origin"),
    ).sample(TRAIN + 2 * TEST, shuffle=True, seed=0)
    parts = rows[:TRAIN], rows[TRAIN : TRAIN + TEST], rows[TRAIN + TEST :]
    Task("sst2", "", "classes", ["negative", "positive"], *parts, []).save(folder / "sst2.parquet")
    return folder / "sst2.parquet", save_model(folder / "checkpoint", rows["text"].to_list())


def save_model(folder: Path, texts: list[str]) -> Path:
    save_tokenizer(folder, texts)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=3000, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path, texts: list[str]) -> None:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        texts, trainers.WordLevelTrainer(vocab_size=3000, special_tokens=list(SPECIAL.values()))
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL).save_pretrained(folder)


RUNS = {
    "lora": {"method": {"kind": "lora"}},
    "prefix": {"method": {"kind": "prefix"}},
    "adapter": {"method": {"kind": "adapter"}},
    "pseudo-labels": {"unlabelled": {"method": "pseudo-labels", "max_texts": 800}},
    "consistency": {"unlabelled": {"method": "consistency", "max_texts": 800, "ratio": 1}},
}


@pytest.mark.parametrize("name", RUNS)
def test_sentiment_is_learnt(
    name: str, sentiment: tuple[Path, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data, checkpoint = sentiment
    finetuning = FineTuning.model_validate(
        {"epochs": 1, "batch_size": 16, "max_length": 48, "min_steps": 100} | RUNS[name]
    )
    model, labels = ("unlabelled", 400) if "unlabelled" in RUNS[name] else ("pretrained", 1600)
    reached = fit_and_score(tmp_path / "out", data, checkpoint, finetuning, model, labels, 0, 0.003)["metrics"]
    record_property("accuracy", reached["accuracy"])
    print(
        f"{name}: accuracy {reached['accuracy']:.3f}, MCC {reached['mcc']:.3f} with {labels} labels a class"
    )  # pytest -s shows it
    assert reached["mcc"] > 0  # always the same class makes 0


def test_copies_are_learnt_from(
    sentiment: tuple[Path, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data, checkpoint = sentiment
    synonyms = tmp_path / "synonyms.txt"
    synonyms.write_text(SYNONYMS)
    augmentation = {"method": "words", "synonyms_file": str(synonyms), "max_copies": 4}
    finetuning = FineTuning.model_validate(
        {"epochs": 1, "batch_size": 16, "max_length": 48, "min_steps": 100, "augmentation": augmentation}
    )
    rows = find_sampled_rows(Task.load(data), [200], [0])
    copies = write_copies(data.parent.parent, data, finetuning.augmentation, rows)["copies"]
    assert 400 < copies < 4 * 400, "most sentences have no word that is in the file"
    reached = fit_and_score(tmp_path / "out", data, checkpoint, finetuning, "augmented", 200, 0, 0.003)["metrics"]
    record_property("accuracy", reached["accuracy"])
    print(f"augmented: accuracy {reached['accuracy']:.3f}, MCC {reached['mcc']:.3f}, {copies} copies of 400 sentences")
    assert reached["mcc"] > 0


def test_a_model_reads_the_sentences_before(
    sentiment: tuple[Path, Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data, checkpoint = sentiment
    continued = {"enabled": True, "max_texts": 1200, "epochs": 1, "max_length": 48, "learning_rate": 0.002}
    finetuning = FineTuning.model_validate(
        {"epochs": 1, "batch_size": 16, "max_length": 48, "min_steps": 100, "continued_pretraining": continued}
    )
    counts = continue_pretraining(data.parent.parent, data, checkpoint, finetuning)
    assert counts["loss after"] < counts["loss before"] - 0.8
    reached = fit_and_score(tmp_path / "out", data, checkpoint, finetuning, "continued", 400, 0, 0.003)["metrics"]
    record_property("accuracy", reached["accuracy"])
    print(
        f"continued: accuracy {reached['accuracy']:.3f}, MCC {reached['mcc']:.3f} with 400 labels a class, "
        f"loss of masked tokens {counts['loss before']:.2f} to {counts['loss after']:.2f}"
    )
    assert reached["mcc"] > 0


def test_captions_are_translated_by_lora(
    shared: Callable[[str], Path], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """By a model that has only seen German before: with LoRA it foretells a caption better, having read the English."""
    folder = shared("multi30k") / "raw"
    english, german = (gzip.decompress((folder / f"train.{side}.gz").read_bytes()).decode() for side in ("en", "de"))
    references = [[caption] for caption in german.splitlines()]
    rows = pl.DataFrame({"text": english.splitlines(), "wanted": references, "origin": ""})
    rows = rows.sample(950, shuffle=True, seed=0)
    task = Task("multi30k", "", "texts", [], rows[:800], rows[800:900], rows[900:], [])
    task.save(tmp_path / "multi30k.parquet")
    checkpoint = tmp_path / "checkpoint"
    save_tokenizer(checkpoint, [*rows["text"], *rows["wanted"].list.first()])
    shape = {"n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(vocab_size=3000, eos_token_id=2, bos_token_id=None, **shape)).save_pretrained(checkpoint)
    settings = {"epochs": 2, "batch_size": 16, "max_length": 24, "max_target_length": 24, "num_evaluations": 1}
    before = train_on_german(checkpoint, task, FineTuning.model_validate(settings))
    finetuning = FineTuning.model_validate({"method": {"kind": "lora"}, **settings})
    (tmp_path / "out").mkdir()
    counts = fit_and_score(
        tmp_path / "out", tmp_path / "multi30k.parquet", checkpoint, finetuning, "pretrained", 0, 0, 0.005
    )
    chrf, after = counts["metrics"]["chrf"], counts["validation"]
    record_property("chrf", chrf)
    print(f"lora: chrF {chrf:.3f}, likelihood of a token {before:.3f}, then {after:.3f}")  # pytest -s shows it
    assert after > 1.1 * before
    assert chrf > 0.05


def train_on_german(checkpoint: Path, task: Task, finetuning: FineTuning) -> float:
    """Fit the checkpoint to the targets alone; the likelihood that it gives to a target's token after its source."""
    with use_one_thread():
        model = TextGenerationModel.load(checkpoint, task, finetuning, random=True, seed=0)
        validation = model.make_examples(model.tokenizer, task.validation)
        alone = task.train.with_columns(text=pl.lit(""))
        fit_model(model, model.make_examples(model.tokenizer, alone), validation, finetuning, 0.005, 0)
        model.generator.body.save_pretrained(checkpoint)
        return model.validate(validation)[1]
