"""Settings that had another name in an earlier version: a recipe that uses the old one is told the new one.

Paths are those of the old names. `*` stands for one name, `[]` for the items of a list. The new name takes the place of
the last part of the path, or, when it has dots, of the whole path. `textmill upgrade` renames the settings that are
recorded in a store by the same tables.
"""

from collections.abc import Mapping
from typing import Any

CRAWL: Mapping[str, str] = {}

CLEAN: Mapping[str, str] = {}

DEDUP: Mapping[str, str] = {}

TOKENIZE: Mapping[str, str] = {}

PRETRAIN: Mapping[str, str] = {
    # the run
    "pretrain.batch.rows": "batch_size",
    "pretrain.batch.length": "seq_length",
    "pretrain.batch.accumulation": "grad_accumulation",
    "pretrain.batch.first_rows": "warmup_batch_size",
    "pretrain.batch.first_length": "warmup_seq_length",
    "pretrain.batch.ramp": "warmup_fraction",
    "pretrain.optimizer.clip": "max_grad_norm",
    "pretrain.schedule.warmup": "warmup_fraction",
    "pretrain.schedule.decay": "decay_fraction",
    "pretrain.schedule.floor": "min_lr_ratio",
    "pretrain.snapshots.replay": "replay_fraction",
    "pretrain.divergence.factor": "spike_factor",
    "pretrain.divergence.window": "spike_window",
    "pretrain.divergence.anchor": "rollback_interval",
    "pretrain.divergence.most": "max_retries",
    "pretrain.average": "ema_decay",
    "pretrain.validate_every": "eval_interval",
    "pretrain.validation_rows": "eval_rows",
    "pretrain.lstm": "lstm_baseline",
}

EVALUATE: Mapping[str, str] = {}

RENAMED_VALUES: Mapping[str, Mapping[Any, Any]] = {
    # old path → {old value: new value}
    # crawl
    # clean
    # dedup
    # tokenize
    # pretrain
    "pretrain.divergence.spike": {"count": "log"},
    # evaluate
}
