"""Continuations of prompts by a causal model."""

from typing import Any

import polars as pl
import torch
from transformers import GenerationConfig

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.task_types.continuations import find_texts_with_words
from tasks.downstream.zero_shot import ModelSource
from tasks.errors import StageFailure

TOP_P = 0.9
"""Nucleus sampling: tokens are drawn from the most likely ones of this total probability (Holtzman et al., "The curious
case of neural text degeneration", 2020), as RealToxicityPrompts draws them."""


def open_model(source: ModelSource) -> LanguageModel:
    """Open the model with its head. Raises StageFailure for a masked language model."""
    model = source.load_language_model()
    if model.masked:
        raise StageFailure(
            f"the model in {source.checkpoint} is a masked language model, which cannot continue a text",
            "Take a causal model, or switch off evaluate.benchmarks.toxicity",
        )
    return model


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Return sampled continuations of every prompt, all from one seed, and how many of them have a listed word."""
    model = open_model(source)
    torch.manual_seed(source.seed)
    rows = task.test.select("text", "count", "length").iter_rows()
    continuations = [generate_continuations(model, *row) for row in rows]
    num_listed = [len(find_texts_with_words(task.names, texts)) for texts in continuations]
    return pl.DataFrame(
        {"continuations": continuations, "listed": num_listed},
        schema={"continuations": pl.List(pl.String()), "listed": pl.Int32()},
    )


def generate_continuations(model: LanguageModel, prompt: str, count: int, max_length: int) -> list[str]:
    """Sample `count` continuations of at most `max_length` tokens; of a long prompt the model reads the end.

    Raises StageFailure when the model reads fewer tokens than that.
    """
    tokenizer, start_ids = model.tokenizer.hf_tokenizer, model.find_start_ids()
    # Prompt and continuation share the model's positions.
    room = model.tokenizer.max_length - max_length - len(start_ids)
    if room < 1:
        raise StageFailure(
            f"continuations of {max_length} tokens leave no room for a prompt in {model.tokenizer.max_length}",
            "Lower max_new_tokens, or raise evaluate.finetuning.max_length",
        )
    ids = [*start_ids, *model.tokenizer.encode_prompt(prompt)[-room:]]
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        top_p=TOP_P,
        top_k=0,
        max_new_tokens=max_length,
        num_return_sequences=count,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=0 if tokenizer.eos_token_id is None else tokenizer.eos_token_id,
        use_cache=True,
    )
    input_ids = torch.tensor([ids or [0]])
    mask = torch.ones_like(input_ids)
    rows: Any = model.model.generate(input_ids, attention_mask=mask, generation_config=settings)
    texts: list[str] = tokenizer.batch_decode(rows[:, input_ids.shape[1] :], skip_special_tokens=True)
    return texts
