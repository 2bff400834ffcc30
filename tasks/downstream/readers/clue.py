"""Multiple-choice questions of CLUE: C3 and ChID."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_file, read_data_text
from tasks.input_files.json_objects import read_objects

C3_START = re.compile(r"\s*\[\s*\[\s*\[")
BLANK = re.compile(r"#idiom\d+#")

ChoiceQuestion = tuple[str, list[str], int, str]
"""Prompt, options, index of the right option, origin"""


def read_c3(path: Path, rejected: RejectedRows) -> Iterator[ChoiceQuestion]:
    """Yield the questions of a C3 file, a list of [lines, questions, name] (Sun et al., "C3", 2020).

    The prompt is the text and the question. A text that does not fit is an error, which `rejected` raises or counts.
    """
    for number, entry in enumerate(_load_json(path), start=1):
        origin = f"{path}, text {number}"
        try:
            lines, questions = entry[:2]
            for question in questions:
                prompt = "\n".join([*lines, question["question"], ""])
                yield prompt, question["choice"], question["choice"].index(question["answer"]), origin
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            hint = "Give [lines, questions], and each question with question, choice and an answer among these"
            rejected.reject(StageFailure(f"{origin}: not as in C3 ({type(error).__name__}: {error})", hint))


def read_chid(path: Path, rejected: RejectedRows) -> Iterator[ChoiceQuestion]:
    """Yield a question for each blank of a ChID file, with the text's other blanks filled in (Zheng et al., 2019).

    The prompt is the text before the blank, an option is an idiom and the text after it. A line that does not fit is an
    error, which `rejected` raises or counts.
    """
    answers_path = chid_answers_path(path)
    answers = _load_json(answers_path)
    for item, origin in read_objects(path, SETTING, on_broken=rejected.reject):
        try:
            candidates = item["candidates"]
            for text in item["content"]:
                for blank in BLANK.finditer(text):
                    # Only this blank stays open.
                    before, after = (
                        # the lambda is called at once, before the loop variables change
                        BLANK.sub(lambda match: candidates[answers[match[0]]], part)  # noqa: B023
                        for part in (text[: blank.start()], text[blank.end() :])
                    )
                    yield before, [idiom + after for idiom in candidates], answers[blank[0]], origin
        except (KeyError, TypeError, IndexError) as error:
            hint = f"Give content and candidates, and the answers in {answers_path}"
            rejected.reject(StageFailure(f"{origin}: not as in ChID ({type(error).__name__}: {error})", hint))


def chid_answers_path(path: Path) -> Path:
    """Return the path of the answers beside ChID's texts: `dev_answer.json` for `dev.json`."""
    return path.with_stem(f"{path.stem}_answer")


def is_chid_file(path: Path) -> bool:
    """Return whether a file of texts with idioms left out has its answers beside it."""
    return is_data_file(chid_answers_path(path)) and path != chid_answers_path(path)


def is_c3_file(path: Path) -> bool:
    """Return whether a file is a list of [lines, questions, name]."""
    if get_data_suffix(path) != ".json" or not is_data_file(path):
        return False
    return bool(C3_START.match(read_data_text(path, SETTING)[:1000]))


def _load_json(path: Path) -> Any:
    try:
        return json.loads(read_data_text(path, SETTING))
    except json.JSONDecodeError as error:
        raise StageFailure(f"{path}, line {error.lineno}: not JSON ({error.msg})", "Correct the file") from error
