"""`textmill chat`: try a model in the terminal."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.errors import BadUsage
from flows.cli.model_folders import NamedModel, find_best_model, find_model
from tasks.errors import StageFailure
from tasks.store import Store

if TYPE_CHECKING:  # torch takes seconds to load
    from tasks.inference.open import AnsweringModel
    from tasks.inference.writing import Sampling

HELP = "try a model: it goes on with a prompt, fills masks, classifies, tags, answers or writes"
MAX_MODELS = 2
MODELS_HELP = (
    "one model, or two that answer side by side: keys of pretrain or finetune artifacts, first digits, or folders "
    "(default: the best model). In a prompt for a model of two texts, || stands between them"
)
SAMPLING_OPTIONS: tuple[tuple[str, float, str], ...] = (
    ("--max-tokens", 128, "tokens of an answer at most"),
    ("--temperature", 0.8, "divides the logits; 0 takes the likeliest token each time"),
    ("--top-p", 0.95, "only the likeliest tokens with this probability together; 1: all"),
    ("--top-k", 0, "only this many of the likeliest tokens; 0: all"),
    ("--repetition-penalty", 1.0, "divides the logits of tokens that stand in the text already; 1: none"),
    ("--seed", 0, "the same seed gives the same answer"),
)
"""Option, default, help text"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the models, the prompts, and how the next token is chosen."""
    parser.add_argument("models", nargs="*", metavar="KEY", help=MODELS_HELP)
    parser.add_argument(
        "--prompt", action="append", default=[], metavar="TEXT", help="answer this and end; may be repeated"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="answer each line of a text file, and end")
    for name, default, text in SAMPLING_OPTIONS:
        parser.add_argument(name, type=type(default), default=default, metavar="N", help=f"{text} (default: {default})")


def run_command(arguments: argparse.Namespace) -> int:
    """Open the models, and answer the prompts of the options, of a file, or of the terminal."""
    if len(arguments.models) > MAX_MODELS:
        raise BadUsage(f"{len(arguments.models)} models: give one, or two to compare")
    check_sampling(arguments)
    prompts = list_prompts(arguments)
    store = Store.current()
    models = [find_model(store, key) for key in arguments.models] or [find_best_model(store)]
    from tasks.inference.open import open_answering_model
    from tasks.inference.writing import Sampling

    opened = [(model, open_answering_model(model.folder)) for model in models]
    sampling = Sampling(
        arguments.max_tokens, arguments.temperature, arguments.top_p, arguments.top_k, arguments.repetition_penalty,
        arguments.seed,
    )  # fmt: skip
    for prompt in read_prompts(models) if prompts is None else print_prompts(prompts):
        answer_prompt(opened, prompt, sampling)
    return 0


def check_sampling(arguments: argparse.Namespace) -> None:
    """Raise BadUsage for values by which no token could be chosen."""
    limits = {
        "--max-tokens": arguments.max_tokens >= 1,
        "--temperature": arguments.temperature >= 0,
        "--top-p": 0 < arguments.top_p <= 1,
        "--top-k": arguments.top_k >= 0,
        "--repetition-penalty": arguments.repetition_penalty > 0,
        "--seed": arguments.seed >= 0,
    }
    if wrong := [name for name, is_possible in limits.items() if not is_possible]:
        raise BadUsage(f"{' and '.join(wrong)} cannot have this value: see textmill chat --help")


def list_prompts(arguments: argparse.Namespace) -> list[str] | None:
    """Return the prompts of the options and the file; None where the terminal is asked. Raises StageFailure."""
    prompts = list(arguments.prompt)
    if arguments.file is not None:
        try:
            lines = arguments.file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StageFailure(
                f"chat: {arguments.file} cannot be read ({error})", "Give a file of UTF-8 text"
            ) from error
        prompts += [line for line in lines if line.strip()]
        if not prompts:
            raise StageFailure(f"chat: {arguments.file} has no prompt", "Write one on each line")
    return prompts or None


def print_prompts(prompts: list[str]) -> Iterator[str]:
    """Yield prompts, each printed before its answer."""
    for prompt in prompts:
        print(f"> {prompt}")
        yield prompt


def read_prompts(models: list[NamedModel]) -> Iterator[str]:
    """Yield what the user types, until the end of the input (Ctrl-D) or an empty line."""
    print(f"{' and '.join(model.title for model in models)}. An empty line, or Ctrl-D, ends.", file=sys.stderr)
    while True:
        try:
            prompt = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not prompt.strip():
            return
        yield prompt


def answer_prompt(models: list[tuple[NamedModel, "AnsweringModel"]], prompt: str, sampling: "Sampling") -> None:
    """Print the answers of the models, each as it is written; a prompt that one cannot answer ends nothing."""
    for model, answering in models:
        if len(models) > 1:
            print(f"[{model.title}]")
        try:
            answering.write_answer(prompt, sampling, lambda text: print(text, end="", flush=True))
        except StageFailure as error:
            print(f"textmill: {error}", file=sys.stderr)
        print()
