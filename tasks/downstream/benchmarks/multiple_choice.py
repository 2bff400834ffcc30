"""Multiple-choice questions, zero-shot."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.downstream.benchmarks._data_set_benchmark import DataSetBenchmark
from tasks.downstream.data.data_files import ZeroShotFiles, build_table
from tasks.downstream.data.fingerprints import fingerprint_path
from tasks.downstream.data.task_data import ORIGIN, Task, limit_rows, make_zero_shot_task
from tasks.downstream.readers.choices import (
    ChoiceColumns,
    collect_options,
    find_choice_columns,
    guess_first_index,
    parse_answer_index,
    split_blank,
)
from tasks.downstream.readers.clue import chid_answers_path, is_c3_file, is_chid_file, read_c3, read_chid
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.downstream.readers.superglue import read_copa, read_record
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_stem
from tasks.input_files.table_reader import TABLE_SUFFIXES, Row

READERS = {"c3": read_c3, "chid": read_chid, "copa": read_copa, "record": read_record}
"""Format of files that are no tables → its reader"""


class ChoiceFile(ZeroShotFiles):
    """One set of questions: a table or JSON, or a folder of them, one a subject."""

    suffixes = TABLE_SUFFIXES

    format: Literal["auto", "objects", "c3", "chid", "copa", "record", "cloze"] = "auto"
    """objects: a table or JSON with a question a row; cloze: the same, and options fill the blank in the question
    (#idiom#, [MASK] or _); c3, chid: files of CLUE, dialogues or texts with questions, and texts with idioms left out,
    dev.json with its answers in dev_answer.json; copa, record: COPA and ReCoRD of SuperGLUE;
    auto: by the content"""
    question_column: str = ""
    """column of the question; empty: by the usual names"""
    options_column: str = ""
    """column of the list of options; empty: by the usual names, also of columns with an option each (A, B, …; choice1,
    choice2)"""
    answer_column: str = ""
    """column of the right option's number, its letter (A, B, C, …) or its text; empty: by the usual names"""
    first_index: int | None = Field(None, ge=0, le=1)
    """number of the first option; letters do not depend on it; null: 1 where no answer is 0 and some are as large as
    the number of options, else 0"""
    header: bool | None = None
    """whether the first row of a TSV or CSV file contains the columns' names; null: guessed"""
    separator: str = " "
    """text between question and answer"""
    examples: str = ""
    """path of further questions in the same format, from which examples in prompts are drawn (`evaluate.shots`); empty:
    no examples. A question that is scored is never drawn"""

    def semantic(self) -> dict[str, Any]:
        """Return the settings with fingerprints of the files, also of ChID's answers, in place of their paths."""
        answers = fingerprint_path("answers", chid_answers_path(Path(self.path)))
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
        rows_of_files, left_out = data.read_files(
            lambda path, rejected: list(_read_questions(data, path, rejected)), "questions"
        )
        rows = [row for rows_of_file in rows_of_files for row in rows_of_file]
        test = limit_rows(build_table(rows, ChoiceTask.columns), self.max_questions, self.seed)
        about = f"The right answer should be the likeliest: {len(test):,} questions of {data.name}."
        rejected = data.make_rejected_rows()
        examples = [*_read_questions(data, Path(data.examples), rejected)] if data.examples else []
        # compared with all questions of the set, not only with those that are kept
        asked = {(row["prompt"], *row["options"]) for row in rows}
        unseen = [row for row in examples if (row["prompt"], *row["options"]) not in asked]
        train = build_table(unseen, ChoiceTask.columns)
        return replace(make_zero_shot_task(data.name, about, "choices", test, remarks=left_out), train=train)


def _read_questions(choices: ChoiceFile, path: Path, rejected: RejectedRows) -> Iterator[dict[str, Any]]:
    file_format = choices.format
    if file_format == "auto" and not choices.dataset.name:
        file_format = "chid" if is_chid_file(path) else "c3" if is_c3_file(path) else "auto"
    group = get_data_stem(path)
    if file_format in READERS:
        for prompt, texts, right, origin in READERS[file_format](path, rejected):
            yield {"prompt": prompt, "options": texts, "right": right, "group": group, ORIGIN: origin}
        return
    rows = list(choices.read_rows(path, [], header=choices.header, rejected=rejected))
    named_columns = (choices.question_column, choices.options_column, choices.answer_column)
    columns = find_choice_columns([row for row, _ in rows[:1000]], *named_columns)
    options_of_rows = [collect_options(row, columns.options) for row, _ in rows]
    first_index = choices.first_index
    if first_index is None:
        first_index = guess_first_index([row.get(columns.answer) for row, _ in rows], list(map(len, options_of_rows)))
    is_cloze = file_format == "cloze" or (
        file_format == "auto" and bool(rows) and all(split_blank(str(row.get(columns.question))) for row, _ in rows)
    )
    for (row, origin), options in zip(rows, options_of_rows, strict=True):
        problem = _find_problem(row, columns, options, origin, first_index)
        if problem is not None:
            rejected.reject(problem)
            continue
        question = row[columns.question]
        right = parse_answer_index(row.get(columns.answer), options, first_index)
        before, after = question + choices.separator, ""
        if is_cloze:
            parts = split_blank(question)
            if parts is None:
                rejected.reject(StageFailure(f"{origin}: there is not one blank in the text", "Mark one, as #idiom#"))
                continue
            before, after = parts
        texts = [option + after for option in options]
        yield {"prompt": before, "options": texts, "right": right, "group": group, ORIGIN: origin}


def _find_problem(
    row: Row, columns: ChoiceColumns, options: list[str], origin: str, first_index: int
) -> StageFailure | None:
    """Return the error of a row that is no question with options and an answer; None for a valid row."""
    if not isinstance(row.get(columns.question), str) or not options:
        return StageFailure(
            f"{origin}: no text in {columns.question!r}, or no list of texts in {columns.options[0]!r}",
            f"Set question_column and options_column to two of its columns: {', '.join(row)}",
        )
    answer = row.get(columns.answer)
    if parse_answer_index(answer, options, first_index) not in range(len(options)):
        return StageFailure(
            f"{origin}: {answer!r} in {columns.answer!r} is none of the {len(options)} answers' numbers",
            f"Give a whole number from {first_index} or a letter from A, or set answer_column and first_index",
        )
    return None
