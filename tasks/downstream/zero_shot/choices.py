"""How likely each option is after its prompt."""

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.language_model


def answer_task(task: Task, weights: ModelSource) -> pl.DataFrame:
    """Log-likelihoods in nats, of the option's tokens alone."""
    prompts, options = task.test["prompt"].to_list(), task.test["options"].to_list()
    pairs = [(prompt, option) for prompt, texts in zip(prompts, options, strict=True) for option in texts]
    texts, starts = [prompt + option for prompt, option in pairs], [len(prompt) for prompt, _ in pairs]
    seen = iter(open_model(weights).seen(texts, starts))
    return pl.DataFrame({"likelihoods": [[-next(seen).nats for _ in texts] for texts in options]})
