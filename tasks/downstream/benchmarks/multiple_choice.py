"""Multiple-choice questions, zero-shot."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table, fingerprint_path
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers.clue import chid_answers_path, read_c3, read_chid
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.errors import StageFailure


class ChoiceFile(ZeroShotFiles):
    """One set of questions: a JSONL file, or a folder of them, one a subject."""

    suffixes = (".jsonl",)

    format: Literal["objects", "c3", "chid"] = "objects"
    """JSON objects, or a file of CLUE: C3's dialogues or texts with questions, or ChID's texts with idioms left out,
    dev.json with its answers in dev_answer.json"""
    question_column: str = "question"
    """column of the question"""
    options_column: str = "options"
    """column of the list of options"""
    answer_column: str = "answer"
    """column of the right option's number, or of its letter: A, B, C, …"""
    first_index: int = Field(0, ge=0, le=1)
    """number of the first option; letters do not depend on it"""
    separator: str = " "
    """text between question and answer"""
    examples: str = ""
    """path of further questions in the same format, from which examples in prompts are drawn (`evaluate.shots`); empty:
    no examples. A question that is scored is never drawn"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files, also of ChID's answers, in place of their paths."""
        answers = fingerprint_path("answers", chid_answers_path(Path(self.path))) if self.format == "chid" else {}
        examples = fingerprint_path("examples", Path(self.examples)) if self.examples else {}
        if self.examples and self.dataset.name:
            examples = self.fingerprint_splits({"examples": self.examples})
        return super().semantic() | answers | examples


class MultipleChoice(DataSetBenchmark):
    """Choose the answer that is likeliest after its question; equally likely ones share the point."""

    sets: list[ChoiceFile] = Field([])
    """the sets of questions; none by default"""
    max_questions: int = Field(1000, ge=1)
    """most questions of each set"""
    seed: int = 0
    """seed that decides which questions are kept when a set has more than its limit"""

    def make_task(self, data: ChoiceFile) -> Task:
        """Read the questions of all files, up to the limit."""
        rows = [row for path in data.list_files() for row in _read_questions(data, path)]
        test = limit_rows(build_table(rows, ChoiceTask.columns), self.max_questions, self.seed)
        about = f"The right answer should be the likeliest: {len(test):,} questions of {data.name}."
        examples = [*_read_questions(data, Path(data.examples))] if data.examples else []
        # compared with all questions of the set, not only with those that are kept
        asked = {(row["prompt"], *row["options"]) for row in rows}
        unseen = [row for row in examples if (row["prompt"], *row["options"]) not in asked]
        train = build_table(unseen, ChoiceTask.columns)
        return replace(make_zero_shot_task(data.name, about, "choices", test), train=train)


def _read_questions(choices: ChoiceFile, path: Path) -> Iterator[dict[str, Any]]:
    if choices.format != "objects":
        for prompt, texts, right, origin in (read_c3 if choices.format == "c3" else read_chid)(path):
            yield {"prompt": prompt, "options": texts, "right": right, "group": path.stem, ORIGIN: origin}
        return
    columns = (choices.question_column, choices.options_column, choices.answer_column)
    for item, origin in choices.read_objects(path):
        question, options, answer = (item.get(column) for column in columns)
        if not isinstance(question, str) or not isinstance(options, list) or not all(map(_is_nonempty_text, options)):
            raise StageFailure(
                f"{origin}: no text in {choices.question_column!r}, or no list of texts in {choices.options_column!r}",
                f"Set question_column and options_column to two of its columns: {', '.join(item)}",
            )
        right = parse_answer_index(answer, choices.first_index)
        if right not in range(len(options)):
            raise StageFailure(
                f"{origin}: {answer!r} in {choices.answer_column!r} is none of the {len(options)} answers' numbers",
                f"Give a whole number from {choices.first_index} or a letter from A, "
                "or set answer_column and first_index",
            )
        prompt = question + choices.separator
        yield {"prompt": prompt, "options": options, "right": right, "group": path.stem, ORIGIN: origin}


def parse_answer_index(answer: object, first_index: int) -> int:
    """Return the index, from 0, of a right answer that is given by number or letter; -1 for anything else."""
    if isinstance(answer, str) and re.fullmatch("[A-Z]", answer):
        return ord(answer) - ord("A")
    # not isinstance: True is an int too
    is_number = type(answer) is int or (isinstance(answer, str) and answer.isdecimal())
    return int(str(answer)) - first_index if is_number else -1


def _is_nonempty_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
