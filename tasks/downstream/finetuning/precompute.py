"""Work that is done once for a task before models are fitted; every fit reads the result."""

import logging
from collections.abc import Sequence
from pathlib import Path

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.augmented_copies import SHARD_TEXTS, find_sampled_rows, write_copies
from tasks.downstream.finetuning.continued_pretraining import continue_pretraining
from tasks.downstream.finetuning.shards import encode_task
from tasks.downstream.finetuning.variants import VARIANTS
from tasks.downstream.heads import Head, find_model_class
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.store import Draft

log = logging.getLogger("textmill.evaluate")


def precompute_inputs(
    finetuning: FineTuning,
    seeds: Sequence[int],
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    label_counts: Sequence[int],
    models: Sequence[str],
) -> None:
    """Augment the labelled texts, continue pretraining and encode all texts, where the models need it."""
    task = Task.load(task_file)
    if "augmented" in models:
        # every row that any seed and label count samples, each once
        rows = find_sampled_rows(task, label_counts, seeds)
        batches = [rows[start : start + SHARD_TEXTS] for start in range(0, len(rows), SHARD_TEXTS)]
        # Named by the first row of each batch: a resumed evaluation finds the shards that are done.
        shards = {f"{task_file.stem}-{batch[0]}": (task_file, finetuning.augmentation, batch) for batch in batches}
        shard_counts = draft.map(write_copies, shards, f"{task.name}: copies").values()
        counts = {name: sum(shard[name] for shard in shard_counts) for name in ("texts", "copies")}
        draft.counts.setdefault("augmentation", {})[task.name] = counts
        log.info("%s: %s copies of %s labelled texts", task.name, f"{counts['copies']:,}", f"{counts['texts']:,}")
    if "continued" in models:
        only_shard = {task_file.stem: (task_file, checkpoint, finetuning)}
        (counts,) = draft.map(continue_pretraining, only_shard, f"{task.name}: continued pretraining").values()
        draft.counts.setdefault("continued", {})[task.name] = counts
        log.info(
            "%s: continued pretraining on %s texts changed the loss from %.2f to %.2f",
            task.name,
            f"{counts['texts']:,}",
            counts["loss before"],
            counts["loss after"],
        )
    if (
        finetuning.method.chosen.freezes_encoder
        and load_task_type(task).is_fine_tuned
        and issubclass(find_model_class(task, finetuning.head), Head)
    ):
        precompute_features(finetuning, seeds, draft, checkpoint, task_file, models)


def precompute_features(
    finetuning: FineTuning,
    seeds: Sequence[int],
    draft: Draft,
    checkpoint: Path,
    task_file: Path,
    models: Sequence[str],
) -> None:
    """Encode all texts once with each frozen encoder, and with each seed's random weights."""
    # Random weights differ with each seed; the pretrained ones do not, so their features are computed once.
    encoders = [
        (weights, seed)
        for weights in dict.fromkeys(VARIANTS[model].weights for model in models)
        for seed in (seeds if weights == "random" else [0])
    ]
    shards = {
        f"{task_file.stem}-{weights}-{seed}": (task_file, checkpoint, finetuning, weights, seed)
        for weights, seed in encoders
    }
    draft.map(encode_task, shards, f"{task_file.stem}: encode")
