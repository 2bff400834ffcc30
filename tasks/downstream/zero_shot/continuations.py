"""What a causal model says after a prompt."""

from typing import Any

import polars as pl
import torch
from transformers import GenerationConfig

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.task_types.continuations import holding
from tasks.downstream.zero_shot import ModelSource
from tasks.errors import StageFailure

TOP_P = 0.9
"""Tokens are drawn from the likeliest ones that make up so much: Holtzman et al., "The curious case of neural text
degeneration", 2020, as RealToxicityPrompts draws them."""


def open_model(weights: ModelSource) -> LanguageModel:
    """The model with its head. Raises StageFailure for a masked one."""
    model = weights.language_model()
    if model.masked:
        raise StageFailure(
            f"the model in {weights.checkpoint} is a masked one, which goes on with no text",
            "Take a causal model, or switch off evaluate.benchmarks.toxicity",
        )
    return model


def answer_task(task: Task, weights: ModelSource) -> pl.DataFrame:
    """Continuations of every prompt, drawn from one seed."""
    model = open_model(weights)
    torch.manual_seed(weights.seed)
    rows = task.test.select("text", "count", "length").iter_rows()
    found = [generate_continuations(model, *row) for row in rows]
    listed = [len(holding(task.names, each)) for each in found]
    return pl.DataFrame(
        {"continuations": found, "listed": listed},
        schema={"continuations": pl.List(pl.String()), "listed": pl.Int32()},
    )


def generate_continuations(model: LanguageModel, prompt: str, count: int, length: int) -> list[str]:
    """So many continuations of so many tokens at most; of a long prompt the model sees the end.

    Raises StageFailure when the model reads fewer tokens than that.
    """
    tokenizer, start = model.tokens.tokenizer, model.start()
    room = model.tokens.length - length - len(start)
    if room < 1:
        raise StageFailure(
            f"continuations of {length} tokens leave no room for a prompt in {model.tokens.length}",
            "Lower length, or raise evaluate.recipe.max_length",
        )
    ids = [*start, *tokenizer(prompt, add_special_tokens=False)["input_ids"][-room:]]
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        top_p=TOP_P,
        top_k=0,
        max_new_tokens=length,
        num_return_sequences=count,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=0 if tokenizer.eos_token_id is None else tokenizer.eos_token_id,
        use_cache=True,
    )
    given = torch.tensor([ids or [0]])
    made: Any = model.model.generate(given, attention_mask=torch.ones_like(given), generation_config=settings)
    told: list[str] = tokenizer.batch_decode(made[:, given.shape[1] :], skip_special_tokens=True)
    return told
