"""Continued pretraining on the texts of a task: TAPT, "Don't stop pretraining", arXiv:2004.10964."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks.downstream.data.task_data import Task, hash_text
from tasks.downstream.finetuning.batches import iterate_step_rows
from tasks.downstream.finetuning.lm_losses import PretrainingObjective, find_objective
from tasks.downstream.finetuning.optimizer import compute_schedule_factor
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer, TokenIds
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, batch_by_length
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.continued_pretraining import ContinuedPretraining
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tasks.input_files.text_files import read_lines

SETTING = "evaluate.finetuning.continued_pretraining.file"
MAX_VALIDATION_TEXTS = 256
"""texts of validation that the reported loss is computed on"""


def continued_folder(data: Path) -> Path:
    """Return the folder, beside the task's file, of the checkpoint that was pretrained on the task's texts."""
    return data.with_name(f"{data.stem}-continued")


def continue_pretraining(out: Path, data: Path, checkpoint: Path, finetuning: FineTuning) -> dict[str, Any]:
    """Train the checkpoint on the task's texts and write it as a folder beside the task. A shard of the evaluation.

    The reported loss is the objective's on texts of validation, before and after, with the same tokens masked.
    """
    settings, task = finetuning.continued_pretraining, Task.load(data)
    texts, num_left_out = select_texts(settings, task)
    with use_one_thread():
        tokenizer = CheckpointTokenizer(checkpoint, settings.max_length)
        objective = find_objective(checkpoint)(checkpoint, tokenizer, settings.mask_rate)
        ids = objective.tokenize_texts(texts)
        if not ids:
            raise StageFailure(f"{task.name} has no text of two tokens to go on with", f"Give {SETTING} more texts")
        validation_ids = objective.tokenize_texts(list_texts(task, "validation")[:MAX_VALIDATION_TEXTS])
        loss_before = compute_mean_loss(objective, validation_ids)
        num_steps = train_objective(objective, ids, finetuning)
        loss_after = compute_mean_loss(objective, validation_ids)
    folder = out / data.parent.name / continued_folder(data).name
    folder.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(objective, checkpoint, folder)
    return {
        "texts": len(ids),
        "left out": num_left_out,
        "tokens": sum(map(len, ids)),
        "steps": num_steps,
        "loss before": loss_before,
        "loss after": loss_after,
    }


def select_texts(settings: ContinuedPretraining, task: Task) -> tuple[list[str], int]:
    """Return distinct texts to train on, ordered by hash, and how many were left out because the task asks for them.

    Left out are the texts of validation and test.
    """
    texts = read_lines(Path(settings.file), SETTING) if settings.file else list_texts(task, "train")
    evaluation_texts = {*list_texts(task, "validation"), *list_texts(task, "test")}
    # dict.fromkeys: distinct texts in the order of the file; a set would order them by chance
    usable = [text for text in dict.fromkeys(texts) if text not in evaluation_texts]
    selected = sorted(usable, key=lambda text: (hash_text(text), text))[: settings.max_texts]
    return selected, len({*texts} & evaluation_texts)


def list_texts(task: Task, split: str) -> list[str]:
    """Return the texts of a split, without answers."""
    return [load_task_type(task).format_question(row) for row in task.parts[split].iter_rows(named=True)]


def train_objective(objective: PretrainingObjective, ids: TokenIds, finetuning: FineTuning) -> int:
    """Train the model on the texts for the epochs of the settings; return the number of steps."""
    settings = finetuning.continued_pretraining
    # for dropout
    torch.manual_seed(0)
    objective.train()
    matrices = [weight for weight in objective.model.parameters() if weight.ndim > 1]
    others = [weight for weight in objective.model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": finetuning.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    num_steps = math.ceil(settings.epochs * len(ids) / settings.batch_size)
    # Streams of their own, so that masking does not shift the order of the batches.
    batch_rng, mask_rng = np.random.default_rng([0, 2]), np.random.default_rng([0, 3])
    lengths = [*map(len, ids)]
    step_rows = iterate_step_rows(len(ids), settings.batch_size, num_steps, batch_rng, lengths)
    for step, rows in enumerate(step_rows, start=1):
        factor = compute_schedule_factor(step, num_steps, finetuning.warmup_fraction)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        optimizer.zero_grad(set_to_none=True)
        loss = objective.compute_losses([ids[row] for row in rows], mask_rng).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(objective.parameters(), finetuning.max_grad_norm)
        optimizer.step()
    return num_steps


@torch.no_grad()
def compute_mean_loss(objective: PretrainingObjective, ids: TokenIds) -> float:
    """Return the nats of a predicted token, with the same tokens masked at every call; NaN without a text."""
    objective.eval()
    # A fresh generator at each call, and batches in the same order: the same tokens are masked before and after.
    mask_rng = np.random.default_rng(0)
    losses = [
        objective.compute_losses([ids[row] for row in rows], mask_rng)
        for rows in batch_by_length(ids, EVALUATION_BATCH_SIZE)
    ]
    return float(torch.cat(losses).double().mean()) if losses else math.nan


def save_checkpoint(objective: PretrainingObjective, checkpoint: Path, folder: Path) -> None:
    """Write the trained model as a transformers folder, with the checkpoint's own tokenizer files."""
    folder.mkdir()
    for path in checkpoint.iterdir():
        # not the index of sharded weights: save_pretrained writes the weights and their index
        if path.suffix in {".json", ".txt", ".model", ".spm"} and not path.name.endswith(".index.json"):
            shutil.copy(path, folder)
    objective.model.save_pretrained(folder)
