"""Questions on texts in SQuAD's JSON: data → paragraphs → qas; answers with text and answer_start."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import BadSetting, StageFailure

COLUMNS = ("question", "context", "answers")


def questions_of(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of the kind `answers` with their `origin`. Raises StageFailure that names the question."""
    try:
        documents = json.loads(path.read_text(encoding="utf-8-sig"))["data"]
    except FileNotFoundError as error:
        raise BadSetting(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StageFailure(f"{path} is not in SQuAD's format: {error}", "Give JSON with a list `data`") from error
    place = "the first document"
    try:
        for document in documents:
            for paragraph in document["paragraphs"]:
                for asked in paragraph["qas"]:
                    place = f"question {asked['id']}"
                    yield row_of(paragraph["context"], asked) | {"origin": f"{path}, {place}"}
    except (KeyError, TypeError, AttributeError) as error:
        raise StageFailure(
            f"{path}, after {place}: {type(error).__name__} {error}", "Give paragraphs with context and qas"
        ) from error


def row_of(context: str, asked: dict[str, Any]) -> dict[str, Any]:
    """One question; CMRC gives some answers twice, and starts that are off by some blanks, which are put right."""
    pairs = {(answer["text"], _start(context, answer)) for answer in asked["answers"]}
    found = sorted(pairs, key=lambda pair: (pair[1], pair[0])) or [("", 0)]
    return {
        "question": asked["question"],
        "context": context,
        "answers": [text for text, _ in found],
        "starts": [start for _, start in found],
    }


def table_row(row: dict[str, Any], origin: str) -> dict[str, Any]:
    """A row of a table with the columns `COLUMNS`, as the Hub keeps SQuAD. Raises StageFailure that names it."""
    answers = row["answers"]
    try:
        if isinstance(answers, dict):
            pairs = zip(answers["text"], answers["answer_start"], strict=True)
            answers = [{"text": text, "answer_start": start} for text, start in pairs]
        return row_of(row["context"], row | {"answers": answers}) | {"origin": origin}
    except (KeyError, TypeError, ValueError) as error:
        raise StageFailure(
            f"{origin}: the answers cannot be read ({type(error).__name__}: {error})",
            "Give lists text and answer_start, or set columns.answers",
        ) from error


def _start(context: str, answer: dict[str, Any]) -> int:
    text, start = answer["text"], int(answer["answer_start"])
    if context.startswith(text, start):
        return start
    return min(
        (place for place in range(max(0, start - 8), start + 9) if context.startswith(text, place)),
        key=lambda place: abs(place - start),
        default=start,
    )
