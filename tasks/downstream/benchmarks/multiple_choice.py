"""Questions with some answers to choose from, without fine-tuning."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.data_files import ScoredFiles, digest, frame
from tasks.downstream.data.task_data import ORIGIN, Task, thinned
from tasks.downstream.readers.clue import answers_beside, c3, chid
from tasks.downstream.task_types.choices import Choices
from tasks.errors import StageFailure


class ChoiceFile(ScoredFiles):
    """One set of questions: a JSONL file, or a folder of them, one a subject."""

    suffixes = (".jsonl",)

    format: Literal["objects", "c3", "chid"] = "objects"
    """JSON objects, or a file of CLUE: C3's dialogues or texts with questions, or ChID's texts with idioms left out,
    dev.json with its answers in dev_answer.json"""
    question: str = "question"
    """column of the question"""
    options: str = "options"
    """column of the list of answers to choose from"""
    answer: str = "answer"
    """column of the right answer's number, or of its letter: A, B, C, …"""
    first: int = Field(0, ge=0, le=1)
    """the first answer's number; a letter needs none"""
    between: str = " "
    """what is written between question and answer"""

    def semantic(self) -> dict[str, Any]:
        """What lies in ChID's answers too, instead of where they are."""
        return super().semantic() | (
            digest("answers", answers_beside(Path(self.path))) if self.format == "chid" else {}
        )


class MultipleChoice(Benchmark):
    """Choose the answer that is likeliest after its question; equally likely ones share the point."""

    enabled: bool = True
    """whether models are scored on the sets below"""
    sets: list[ChoiceFile] = Field([])
    """the sets; none by default"""
    most_questions: int = Field(1000, ge=1)
    """questions of each set, at most"""
    seed: int = 0
    """decides which questions stay when a set has more than its limit"""

    def tasks(self, heldout: pl.DataFrame) -> Iterator[Task]:  # noqa: ARG002 - it brings its own texts
        """One task per set. Raises StageFailure that names the file and the line."""
        for choices in self.sets:
            rows = [row for path in choices.files() for row in _read(choices, path)]
            test = thinned(frame(rows, Choices.columns), self.most_questions, self.seed)
            about = f"The right answer should be the likeliest: {len(test):,} questions of {choices.name}."
            none = test.clear()
            yield Choices().checked(Task(choices.name, about, "choices", [], none, none, test, [0]))


def _read(choices: ChoiceFile, path: Path) -> Iterator[dict[str, Any]]:
    if choices.format != "objects":
        for prompt, texts, place, origin in (c3 if choices.format == "c3" else chid)(path):
            yield {"prompt": prompt, "options": texts, "right": place, "group": path.stem, ORIGIN: origin}
        return
    for item, origin in choices.objects(path):
        question, options, answer = (item.get(name) for name in (choices.question, choices.options, choices.answer))
        if not isinstance(question, str) or not isinstance(options, list) or not all(map(_is_text, options)):
            raise StageFailure(
                f"{origin}: no text in {choices.question!r}, or no list of texts in {choices.options!r}",
                f"Set question and options to two of its columns: {', '.join(item)}",
            )
        right = place_of(answer, choices.first)
        if right not in range(len(options)):
            raise StageFailure(
                f"{origin}: {answer!r} in {choices.answer!r} is none of the {len(options)} answers' numbers",
                f"Give a whole number from {choices.first} or a letter from A, or set answer and first",
            )
        prompt = question + choices.between
        yield {"prompt": prompt, "options": options, "right": right, "group": path.stem, ORIGIN: origin}


def place_of(answer: object, first: int) -> int:
    """The place of a right answer that is given by number or letter, from 0; -1 for what is neither."""
    if isinstance(answer, str) and re.fullmatch("[A-Z]", answer):
        return ord(answer) - ord("A")
    is_number = type(answer) is int or (isinstance(answer, str) and answer.isdecimal())
    return int(str(answer)) - first if is_number else -1


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
