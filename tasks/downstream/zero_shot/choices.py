"""Multiple choice by the likelihood of each option after its prompt."""

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.zero_shot import ModelSource

open_model = ModelSource.load_language_model


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Return the options' log-likelihoods in nats, summed over the option's tokens alone."""
    prompts, options = task.test["prompt"].to_list(), task.test["options"].to_list()
    pairs = [(prompt, option) for prompt, texts in zip(prompts, options, strict=True) for option in texts]
    texts, starts = [prompt + option for prompt, option in pairs], [len(prompt) for prompt, _ in pairs]
    likelihoods = iter(open_model(source).compute_likelihoods(texts, starts))
    return pl.DataFrame({"likelihoods": [[-next(likelihoods).nats for _ in texts] for texts in options]})
