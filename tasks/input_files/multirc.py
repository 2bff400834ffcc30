"""MultiRC of SuperGLUE (arXiv:1905.00537) as a table: a row for each answer of a question on a passage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import StageFailure
from tasks.input_files.json_objects import read_objects


def read_multirc(path: Path, setting: str, encoding: str = "") -> Iterator[tuple[dict[str, Any] | StageFailure, str]]:
    """Yield a row for each answer of a MultiRC file, with the columns passage, question_answer and label.

    A passage that does not fit is yielded as its error.
    """
    broken: list[StageFailure] = []
    for item, origin in read_objects(path, setting, encoding, broken.append):
        try:
            rows = [
                {
                    "passage": item["passage"]["text"],
                    # together, so that a long passage is cut before the question is
                    "question_answer": f"{question['question']} {answer['text']}",
                    "label": answer["label"],
                }
                for question in item["passage"]["questions"]
                for answer in question["answers"]
            ]
        except (KeyError, TypeError) as error:
            hint = "Give a passage with text and questions, these with answers, each with text and label"
            broken.append(StageFailure(f"{origin}: not as in MultiRC ({type(error).__name__}: {error})", hint))
        else:
            yield from ((row, origin) for row in rows)
    yield from ((failure, "") for failure in broken)
