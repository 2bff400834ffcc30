"""Pretraining that goes on with the texts of a task: TAPT, "Don't stop pretraining", arXiv:2004.10964."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks.downstream.data.task_data import Task, hash_of
from tasks.downstream.finetuning.batches import iterate_step_rows
from tasks.downstream.finetuning.lm_losses import PretrainingObjective, find_objective
from tasks.downstream.finetuning.optimizer import compute_schedule_factor
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, CheckpointTokenizer, TokenIds, batch_by_length
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.readers.plain_text import lines_of
from tasks.downstream.settings.continued_pretraining import ContinuedPretraining
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import kind_of
from tasks.errors import StageFailure

SETTING = "evaluate.recipe.continued.file"
MAX_VALIDATION_TEXTS = 256  # texts of validation that the loss is told of


def continued_folder(data: Path) -> Path:
    """Where the checkpoint is that has read the task's texts."""
    return data.with_name(f"{data.stem}-continued")


def continue_pretraining(out: Path, data: Path, checkpoint: Path, recipe: FineTuning) -> dict[str, Any]:
    """Train the checkpoint on the task's texts and write it as a folder beside the task. A shard of the evaluation.

    The loss that it tells is the objective's on texts of validation, before and after, with the same tokens hidden.
    """
    settings, task = recipe.continued, Task.load(data)
    texts, left_out = select_texts(settings, task)
    with use_one_thread():
        tokens = CheckpointTokenizer(checkpoint, settings.max_length)
        objective = find_objective(checkpoint)(checkpoint, tokens, settings.rate)
        ids = objective.ids(texts)
        if not ids:
            raise StageFailure(f"{task.name} has no text of two tokens to go on with", f"Give {SETTING} more texts")
        unseen = objective.ids(list_texts(task, "validation")[:MAX_VALIDATION_TEXTS])
        before = compute_mean_loss(objective, unseen)
        steps = train_objective(objective, ids, recipe)
        after = compute_mean_loss(objective, unseen)
    folder = out / data.parent.name / continued_folder(data).name
    folder.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(objective, checkpoint, folder)
    told = {"texts": len(ids), "left out": left_out, "tokens": sum(map(len, ids)), "steps": steps}
    return told | {"loss before": before, "loss after": after}


def select_texts(settings: ContinuedPretraining, task: Task) -> tuple[list[str], int]:
    """Different texts to read, in an order of no meaning, and how many were left out for being asked later."""
    found = lines_of(Path(settings.file), SETTING) if settings.file else list_texts(task, "train")
    kept_back = {*list_texts(task, "validation"), *list_texts(task, "test")}
    texts = [text for text in dict.fromkeys(found) if text not in kept_back]
    return sorted(texts, key=lambda text: (hash_of(text), text))[: settings.most], len({*found} & kept_back)


def list_texts(task: Task, part: str) -> list[str]:
    """The texts of a part, without answers."""
    return [kind_of(task).text(row) for row in task.parts[part].iter_rows(named=True)]


def train_objective(objective: PretrainingObjective, ids: TokenIds, recipe: FineTuning) -> int:
    """Some epochs over the texts; the number of steps."""
    settings = recipe.continued
    torch.manual_seed(0)  # for dropout
    objective.train()
    matrices = [weight for weight in objective.model.parameters() if weight.ndim > 1]
    others = [weight for weight in objective.model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    steps = math.ceil(settings.epochs * len(ids) / settings.batch)
    order, hiding = np.random.default_rng([0, 2]), np.random.default_rng([0, 3])
    for step, rows in enumerate(iterate_step_rows(len(ids), settings.batch, steps, order, [*map(len, ids)]), start=1):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * compute_schedule_factor(step, steps, recipe.warmup)
        optimizer.zero_grad(set_to_none=True)
        loss = objective.losses([ids[row] for row in rows], hiding).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(objective.parameters(), recipe.clip)
        optimizer.step()
    return steps


@torch.no_grad()
def compute_mean_loss(objective: PretrainingObjective, ids: TokenIds) -> float:
    """Nats a predicted token, with the same tokens hidden each time that it is called."""
    objective.eval()
    hiding = np.random.default_rng(0)
    parts = [
        objective.losses([ids[row] for row in rows], hiding) for rows in batch_by_length(ids, EVALUATION_BATCH_SIZE)
    ]
    return float(torch.cat(parts).double().mean()) if parts else math.nan


def save_checkpoint(objective: PretrainingObjective, checkpoint: Path, folder: Path) -> None:
    """A transformers folder with the checkpoint's own tokenizer files."""
    folder.mkdir()
    for path in checkpoint.iterdir():
        if path.suffix in {".json", ".txt", ".model", ".spm"} and not path.name.endswith(".index.json"):
            shutil.copy(path, folder)
    objective.model.save_pretrained(folder)
