"""Answers of a causal model to prompts: the likeliest option, or the text that it writes up to the end of the line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import softmax

from tasks.downstream.baselines.baselines import build_class_answers
from tasks.downstream.data.task_data import Task
from tasks.downstream.few_shot.prompts import FORMS, NO_ANSWER, PromptBuilder, QuestionForm, TokenCounter, draw_examples
from tasks.downstream.heads.texts import find_end_token
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import EVALUATION_BATCH_SIZE, batch_by_length, load_config
from tasks.downstream.models.generator import TextGenerator
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.models.one_thread import use_one_thread
from tasks.errors import StageFailure

MAX_PROMPT_TOKENS = 2048
"""tokens of a prompt at most, also where the model would read more"""
MAX_TEXTS = 1024
"""prompts with an option each that are held at once"""


def check_prompts(task: Task, checkpoint: Path) -> None:
    """Raise StageFailure for a model that is not causal, or that could not end a text where the task wants one."""
    config = load_config(checkpoint)
    architecture = " ".join(config.architectures or [])
    if config.is_encoder_decoder or not ("CausalLM" in architecture or "LMHead" in architecture):
        raise StageFailure(
            f"the model in {checkpoint} is {architecture or 'of no named kind'}, and prompts are for causal models",
            "Take a causal model, or set evaluate.shots to 0",
        )
    if task.kind in {"texts", "answers"}:
        find_end_token(CheckpointTokenizer(checkpoint, MAX_PROMPT_TOKENS), checkpoint)


def answer_prompts(
    task: Task, checkpoint: Path, labels: int, seed: int, shots: int, max_target_length: int
) -> pl.DataFrame:
    """Return the answers to the test part, in the columns that the task type scores.

    `shots` and `dropped` are the numbers of examples in each prompt, and of those that its context had no room for.
    """
    form = FORMS[task.kind]
    examples = [form(task, row) for row in draw_examples(task, labels, seed, shots)]
    questions = [form(task, row) for row in task.test.iter_rows(named=True)]
    with use_one_thread():
        choose_or_write = _write_texts if task.kind in {"texts", "answers"} else _choose_options
        answers, num_examples = choose_or_write(task, checkpoint, examples, questions, max_target_length)
    return answers.with_columns(
        shots=pl.Series(num_examples, dtype=pl.Int32),
        dropped=pl.Series([len(examples) - count for count in num_examples], dtype=pl.Int32),
    )


def _choose_options(
    task: Task,
    checkpoint: Path,
    examples: Sequence[QuestionForm],
    questions: Sequence[QuestionForm],
    max_target_length: int,  # noqa: ARG001 - nothing is generated
) -> tuple[pl.DataFrame, list[int]]:
    model = LanguageModel(checkpoint, random=False, seed=0, max_tokens=MAX_PROMPT_TOKENS)
    num_special = len(model.find_start_ids()) + model.tokenizer.hf_tokenizer.num_special_tokens_to_add()
    builder = PromptBuilder(examples, make_counter(model.tokenizer), model.tokenizer.max_length - num_special)
    likelihoods: list[list[float]] = []
    num_examples: list[int] = []
    step = max(1, MAX_TEXTS // max(len(question.options) for question in questions))
    for start in range(0, len(questions), step):
        batch = questions[start : start + step]
        prompts = [builder.build(question) for question in batch]
        pairs = [
            (prompt.text, option)
            for prompt, question in zip(prompts, batch, strict=True)
            for option in question.options
        ]
        texts, starts = [prompt + option for prompt, option in pairs], [len(prompt) for prompt, _ in pairs]
        nats = iter(model.compute_likelihoods(texts, starts))
        likelihoods += [[-next(nats).nats for _ in question.options] for question in batch]
        num_examples += [prompt.num_examples for prompt in prompts]
    if task.kind == "choices":
        return pl.DataFrame({"likelihoods": likelihoods}), num_examples
    return build_class_answers(softmax(np.array(likelihoods), axis=1)), num_examples


def _write_texts(
    task: Task,
    checkpoint: Path,
    examples: Sequence[QuestionForm],
    questions: Sequence[QuestionForm],
    max_target_length: int,
) -> tuple[pl.DataFrame, list[int]]:
    tokenizer = CheckpointTokenizer(checkpoint, MAX_PROMPT_TOKENS)
    generator = TextGenerator.load(checkpoint, find_end_token(tokenizer, checkpoint), random=False, seed=0)
    generator.eval()
    hf_tokenizer = tokenizer.hf_tokenizer
    start_id = hf_tokenizer.bos_token_id if hf_tokenizer.bos_token_id is not None else generator.end_id
    # one token for the start, which a training document began with
    max_tokens = tokenizer.max_length - 1
    if max_tokens <= max_target_length:
        raise StageFailure(
            f"a model of {tokenizer.max_length} positions has no room for a prompt before {max_target_length} tokens",
            "Lower evaluate.finetuning.max_target_length, or set evaluate.shots to 0",
        )
    builder = PromptBuilder(examples, make_counter(tokenizer), max_tokens)
    prompts = [builder.build(question, max_target_length) for question in questions]
    ids = hf_tokenizer([prompt.text for prompt in prompts], add_special_tokens=False, verbose=False)["input_ids"]
    # a question that is too long by itself loses its beginning
    sources = [[start_id, *prompt_ids[-(max_tokens - max_target_length) :]] for prompt_ids in ids]
    written = [""] * len(sources)
    for rows in batch_by_length(sources, EVALUATION_BATCH_SIZE):
        outputs = generator.generate([sources[row] for row in rows], max_target_length, num_beams=1)
        texts = hf_tokenizer.batch_decode(outputs, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        for row, text in zip(rows.tolist(), texts, strict=True):
            # the examples' answers end with a line break, and so do the model's: what follows is the next example
            written[row] = text.strip().partition("\n")[0].strip()
    if task.kind == "texts":
        return pl.DataFrame({"written": written}), [prompt.num_examples for prompt in prompts]
    predicted = ["" if text == NO_ANSWER else text for text in written]
    return pl.DataFrame({"predicted": predicted}), [prompt.num_examples for prompt in prompts]


def make_counter(tokenizer: CheckpointTokenizer) -> TokenCounter:
    """Return a function that counts the tokens of texts, without special tokens."""

    def count_tokens(texts: Sequence[str]) -> list[int]:
        encoding = tokenizer.hf_tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoding["input_ids"]]

    return count_tokens
