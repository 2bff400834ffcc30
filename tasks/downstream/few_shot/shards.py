"""The shard of an evaluation that answers by prompts: one function call is one sample of examples."""

from pathlib import Path

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.few_shot.prompted_answers import answer_prompts
from tasks.downstream.finetuning.shards import Counts, write_answers


def answer_and_score(
    out: Path, data: Path, checkpoint: Path, max_target_length: int, model: str, labels: int, seed: int, shots: int
) -> Counts:
    """Answer the test part by prompts. Writes `fits/…parquet`, a row an example."""
    task = Task.load(data)
    answers = answer_prompts(task, checkpoint, labels, seed, shots, max_target_length)
    means = answers.select(pl.col("shots", "dropped").mean()).row(0, named=True)
    chosen = {"examples in the prompt": means["shots"], "examples dropped": means["dropped"]}
    return write_answers(out, task, model, labels, seed, answers) | {"chosen": chosen, "validation": None, "curve": []}
