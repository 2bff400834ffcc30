"""Examples per CPU-second of a fit, against the Trainer of transformers, on the same model and the same texts.

    python -m benchmarks.finetune [--quick | --smoke]

Full fine-tuning, and the head alone on a frozen encoder. The Trainer is set up as run_glue.py: a tokenized data set,
padding to the longest text of a batch, batches at random, AdamW, a learning rate that falls in a straight line, one
evaluation at the end. Both train the same encoder (BERT of two layers, the same first weights) under the same linear
layer on the same standardised features, with the same steps, in single precision on one thread; the features' scales
are a gift to the Trainer, ours have to be computed in the time. Texts: sentences of SST-2 where ../shared/data has
them, else made ones of as uneven lengths. `score_difference` is the mean accuracy of ours less the Trainer's, over the
seeds; `score_deviation` the standard deviation of a single seed's accuracy.
"""

import os
import statistics
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertModel,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from benchmarks.report import (
    Scale,
    Spread,
    cpu_seconds,
    installed,
    print_result,
    print_table,
    print_versions,
    read_scale,
    spread,
)
from tasks.block import OneOf
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.heads import Head, make_head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import PaddedBatch, load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning

SHARED = Path(__file__).parents[2] / "shared" / "data"
TRAIN = {Scale.FULL: 2000, Scale.QUICK: 320, Scale.SMOKE: 32}
TEST = {Scale.FULL: 800, Scale.QUICK: 200, Scale.SMOKE: 16}
SEEDS = {Scale.FULL: 5, Scale.QUICK: 2, Scale.SMOKE: 2}
WIDTH, LAYERS, VOCABULARY, BATCH = 256, 2, 4096, 32
PAD, UNK, CLS, SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
EPOCHS, RATES = {"full": 3, "head-only": 10}, {"full": 3e-4, "head-only": 1e-3}
METHODS = {"full": "full", "head-only": "head_only"}


def load_sentences(folder: Path, scale: Scale) -> tuple[str, pl.DataFrame]:
    """Where the texts are from, and every text with its class, in random order."""
    if scale is not Scale.SMOKE and (SHARED / "sst2.tar.xz").exists():
        subprocess.run([str(SHARED / "unpack.sh"), str(folder), "sst2"], check=True, capture_output=True)
        rows = pl.read_csv(folder / "sst2" / "train.tsv", separator="\t", quote_char=None)
        named = rows.select(pl.col("sentence").str.strip_chars().alias("text"), pl.col("label").cast(pl.Int32))
        return "sst2", named.unique("text", maintain_order=True).sample(fraction=1, shuffle=True, seed=0)
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(1000)])
    labels = rng.integers(0, 2, 8000)
    texts = [(rng.integers(0, 900, 1 + rng.geometric(0.1)) + 100 * label) for label in labels]
    return "made", pl.DataFrame(
        {"text": [" ".join(words[indices]) for indices in texts], "label": labels.astype(np.int32)}
    )


def make_task(rows: pl.DataFrame, scale: Scale) -> Task:
    """Train and test; the test rows are validated on, as both sides look at them once, at the end."""
    rows = rows.with_columns(pl.lit("").alias("second"), pl.lit("").alias("origin"))
    test, train = rows[: TEST[scale]], rows[TEST[scale] : TEST[scale] + TRAIN[scale]]
    return Task("benchmark", "", "classes", ["negative", "positive"], train, test, test, [])


def save_model(folder: Path, texts: list[str]) -> None:
    """A BERT from random weights, and a WordPiece tokenizer of the texts."""
    wordpiece = Tokenizer(models.WordPiece(unk_token=UNK))
    wordpiece.normalizer, wordpiece.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    wordpiece.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=[PAD, UNK, CLS, SEP])
    )
    wordpiece.post_processor = processors.BertProcessing((SEP, 3), (CLS, 2))
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=wordpiece, pad_token=PAD, unk_token=UNK, cls_token=CLS, sep_token=SEP
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=WIDTH // 64,
        intermediate_size=4 * WIDTH,
    )
    BertModel(config).save_pretrained(folder)


def make_finetuning(mode: str) -> FineTuning:
    """The same steps and rates as the Trainer's."""
    return FineTuning(
        method=OneOf[AdaptationMethod](kind=METHODS[mode]),
        epochs=EPOCHS[mode],
        min_steps=1,
        batch_size=BATCH,
        max_length=128,
        warmup_fraction=0.0,
        num_evaluations=1,
    )


class TrainerModel(nn.Module):
    """The encoder and layer of a head, as the Trainer calls a model."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Loss and logits (B, K)."""
        features = self.head.encoder(PaddedBatch(input_ids, attention_mask.float()))
        logits = self.head.head((features - self.head.mean) / self.head.deviation)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


def measure_ours(task: Task, folder: Path, mode: str, seed: int) -> tuple[float, float]:
    """CPU-seconds and accuracy of one fit."""
    finetuning = make_finetuning(mode)
    head = make_head(load_encoder(folder, random=True, seed=seed), task, finetuning)
    tokenizer = CheckpointTokenizer(folder, finetuning.max_length)
    train, test = (head.make_examples(tokenizer, part) for part in (task.train, task.test))
    scores: list[float] = []
    seconds = cpu_seconds(lambda: scores.append(fit_model(head, train, test, finetuning, RATES[mode], seed).best.score))
    return seconds, scores[0]


def measure_trainer(task: Task, folder: Path, mode: str, seed: int) -> tuple[float, float]:
    """CPU-seconds and accuracy of the Trainer's fit."""
    finetuning = make_finetuning(mode)
    head = make_head(load_encoder(folder, random=True, seed=seed), task, finetuning)
    tokenizer = CheckpointTokenizer(folder, finetuning.max_length)
    head.prepare_training(head.make_examples(tokenizer, task.train))
    train, test = (
        Dataset.from_dict({**tokenizer.hf_tokenizer(part["text"].to_list(), truncation=True), "labels": part["label"]})
        for part in (task.train, task.test)
    )
    settings = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=BATCH,
        num_train_epochs=EPOCHS[mode],
        learning_rate=RATES[mode],
        weight_decay=finetuning.weight_decay,
        adam_beta2=0.98,
        seed=seed,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=TrainerModel(head),
        args=settings,
        train_dataset=train,
        eval_dataset=test,
        data_collator=DataCollatorWithPadding(tokenizer.hf_tokenizer),
        compute_metrics=lambda found: {"accuracy": float(np.mean(np.argmax(found.predictions, 1) == found.label_ids))},
    )
    scores: list[float] = []

    def train_and_evaluate() -> None:
        trainer.train()
        scores.append(trainer.evaluate()["eval_accuracy"])

    return cpu_seconds(train_and_evaluate), scores[0]


def measure_both(task: Task, folder: Path, mode: str, seeds: int) -> dict[str, tuple[list[float], list[float]]]:
    """CPU-seconds and accuracies of both, one after the other for every seed, so that both meet the same noise."""
    measures: dict[str, Callable[..., tuple[float, float]]] = {"ours": measure_ours}
    if installed("accelerate"):  # the Trainer needs it
        measures["Trainer"] = measure_trainer
    results: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in measures}
    for seed in range(seeds):
        for name, measure in measures.items():
            with use_one_thread():
                seconds, score = measure(task, folder, mode, seed)
            results[name][0].append(seconds)
            results[name][1].append(score)
    return results


def main() -> None:
    """Print both modes, and the ratios."""
    scale = read_scale(__doc__)
    set_verbosity_error()  # type: ignore[no-untyped-call]
    disable_progress_bar()  # type: ignore[no-untyped-call]
    warnings.filterwarnings("ignore")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    print_versions("textmill", "torch", "transformers", "accelerate")
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, texts = load_sentences(folder, scale)
        task = make_task(texts, scale)
        save_model(folder, task.train["text"].to_list())
        for mode in METHODS:
            results = measure_both(task, folder, mode, SEEDS[scale])
            rate = partial(_compute_throughput, EPOCHS[mode] * len(task.train))
            rows += [
                [source, mode, who, rate(seconds), f"{statistics.mean(scores):.4f} ± {statistics.stdev(scores):.4f}"]
                for who, (seconds, scores) in results.items()
            ]
            if "Trainer" not in results:
                continue
            ratios[mode] = rate(results["ours"][0]).median / rate(results["Trainer"][0]).median
            difference, deviation = _compare_scores(results["ours"][1], results["Trainer"][1])
            suffix = "" if mode == "full" else "_head_only"
            figures |= {f"score_difference{suffix}": difference, f"score_deviation{suffix}": deviation}
    print_table(["data", "mode", "loop", "examples a CPU-second", "accuracy"], rows)
    print_result("finetune", ratios, figures)


def _compute_throughput(examples: int, seconds: list[float]) -> Spread:
    return spread([examples / duration for duration in seconds])


def _compare_scores(one: list[float], other: list[float]) -> tuple[float, float]:
    deviation = statistics.fmean([statistics.variance(one), statistics.variance(other)]) ** 0.5
    return statistics.fmean(one) - statistics.fmean(other), deviation


if __name__ == "__main__":
    main()
