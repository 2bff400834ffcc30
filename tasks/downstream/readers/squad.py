"""Questions and their contexts in SQuAD's JSON: data → paragraphs → qas; answers with text and answer_start."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_file, read_data_text

COLUMNS = ("question", "context", "answers")


def is_squad_file(path: Path, encoding: str) -> bool:
    """Return whether a file is JSON with documents of paragraphs."""
    if not is_data_file(path) or get_data_suffix(path) == ".parquet":
        return False
    head = read_data_text(path, SETTING, encoding)[:100_000]
    return head.lstrip()[:1] in ("{", "[") and '"paragraphs"' in head


def read_questions(path: Path, rejected: RejectedRows, encoding: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of a `SpanAnswerTask`, each with its `origin`.

    A document, paragraph or question that is not as in SQuAD is an error, which `rejected` raises or counts. Raises
    StageFailure for a file that is no JSON, or has no list of documents.
    """
    try:
        content = json.loads(read_data_text(path, SETTING, encoding))
        documents = content if isinstance(content, list) else content["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise StageFailure(f"{path} is not in SQuAD's format: {error}", "Give JSON with a list `data`") from error
    for document, location in list_members(documents, "", str(path), rejected):
        for paragraph, paragraph_location in list_members(document, "paragraphs", location, rejected):
            for question, question_location in list_members(paragraph, "qas", paragraph_location, rejected):
                try:
                    origin = f"{path}, question {question['id']}" if "id" in question else question_location
                    row = build_question_row(paragraph["context"], question)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    rejected.reject(describe_misfit(question_location, error))
                else:
                    yield row | {"origin": origin}


def list_members(parent: Any, name: str, location: str, rejected: RejectedRows) -> Iterator[tuple[Any, str]]:
    """Yield the members of a list, or of an object's list `name`, with their places in the file.

    What is no such list, and a member that is no object, is an error, which `rejected` raises or counts.
    """
    try:
        members = parent[name] if name else parent
        if not isinstance(members, list):
            raise TypeError(f"no list, but {type(members).__name__}")  # noqa: TRY301 - one error for all misfits
    except (KeyError, TypeError) as error:
        rejected.reject(describe_misfit(location, error))
        return
    noun = {"": "document", "paragraphs": "paragraph", "qas": "question"}[name]
    for number, member in enumerate(members, start=1):
        member_location = f"{location}, {noun} {number}"
        if isinstance(member, dict):
            yield member, member_location
        else:
            rejected.reject(describe_misfit(member_location, TypeError(f"no object, but {type(member).__name__}")))


def describe_misfit(location: str, error: Exception) -> StageFailure:
    """Return the error of a part of a file that is not as in SQuAD."""
    what = f"there is no {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
    return StageFailure(
        f"{location} is not in SQuAD's format ({what})",
        "Give documents with paragraphs, these with context and qas, and each question with its answers",
    )


def build_question_row(context: str, question: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a question, its answers sorted by start; the empty answer at 0 where it has none.

    CMRC gives some answers twice, and some starts that are off by a few blanks: these are corrected.
    """
    # a set, because equal answers count once
    pairs = {(answer["text"], _find_start(context, answer)) for answer in question["answers"]}
    # Sorted, as a set has no order.
    answers = sorted(pairs, key=lambda pair: (pair[1], pair[0])) or [("", 0)]
    return {
        "question": question["question"],
        "context": context,
        "answers": [text for text, _ in answers],
        "starts": [start for _, start in answers],
    }


def find_misplaced_answer(row: dict[str, Any]) -> StageFailure | None:
    """Return the error of the first answer that is not in its context where `starts` says; None where all are."""
    for answer, start in zip(row["answers"], row["starts"], strict=True):
        if start != -1 and not row["context"].startswith(answer, start):
            return StageFailure(
                f"{row['origin']}: the answer {answer!r} is not at character {start} of the text",
                "Correct answer_start, counted in characters from 0",
            )
    return None


def parse_question_row(row: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the row of a question from a table with the columns `COLUMNS`, as SQuAD is stored on the Hub.

    Raises StageFailure that names the row.
    """
    answers = row["answers"]
    try:
        if isinstance(answers, str) and answers.lstrip()[:1] in ("{", "["):
            answers = ast.literal_eval(answers)  # a table of text has lists as Python or JSON writes them
        if isinstance(answers, str):
            answers = [answers]
        if isinstance(answers, list) and all(isinstance(answer, str) for answer in answers):
            # without a start: the first place that spells it, or none
            answers = [{"text": answer, "answer_start": row["context"].find(answer)} for answer in answers]
        if isinstance(answers, dict):
            pairs = zip(answers["text"], answers["answer_start"], strict=True)
            answers = [{"text": text, "answer_start": start} for text, start in pairs]
        return build_question_row(row["context"], row | {"answers": answers}) | {"origin": origin}
    except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
        raise StageFailure(
            f"{origin}: the answers cannot be read ({type(error).__name__}: {error})",
            "Give lists text and answer_start, or set columns.answers",
        ) from error


def _find_start(context: str, answer: dict[str, Any]) -> int:
    text, start = answer["text"], int(answer["answer_start"])
    if start == -1 or context.startswith(text, start):
        return start
    # the nearest occurrence within eight characters; else the given start, which is reported as an error
    return min(
        (position for position in range(max(0, start - 8), start + 9) if context.startswith(text, position)),
        key=lambda position: abs(position - start),
        default=start,
    )
