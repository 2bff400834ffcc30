"""Questions of CLUE with answers to choose from: prompt, options, the right one's place, origin."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.downstream.readers.json_objects import objects_of
from tasks.downstream.readers.plain_text import text_of
from tasks.errors import StageFailure

BLANK = re.compile(r"#idiom\d+#")

Choice = tuple[str, list[str], int, str]


def c3(path: Path) -> Iterator[Choice]:
    """Sun et al., "C3", 2020: a list of [lines, questions, name]; the text and the question are the prompt."""
    for number, entry in enumerate(_json(path), start=1):
        origin = f"{path}, text {number}"
        try:
            lines, questions = entry[:2]
            for asked in questions:
                prompt = "\n".join([*lines, asked["question"], ""])
                yield prompt, asked["choice"], asked["choice"].index(asked["answer"]), origin
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            mend = "Give [lines, questions], and each question with question, choice and an answer among these"
            raise StageFailure(f"{origin}: not as in C3 ({type(error).__name__}: {error})", mend) from error


def chid(path: Path) -> Iterator[Choice]:
    """Zheng et al., "ChID", 2019: each idiom that was left out, where the text's others are filled in.

    The prompt is what stands before it, an option is an idiom and what stands after it.
    """
    beside = answers_beside(path)
    answers = _json(beside)
    for item, origin in objects_of(path):
        try:
            candidates = item["candidates"]
            for text in item["content"]:
                for blank in BLANK.finditer(text):
                    before, after = (
                        BLANK.sub(lambda other: candidates[answers[other[0]]], part)  # noqa: B023 - it is called here
                        for part in (text[: blank.start()], text[blank.end() :])
                    )
                    yield before, [idiom + after for idiom in candidates], answers[blank[0]], origin
        except (KeyError, TypeError, IndexError) as error:
            mend = f"Give content and candidates, and the answers in {beside}"
            raise StageFailure(f"{origin}: not as in ChID ({type(error).__name__}: {error})", mend) from error


def answers_beside(path: Path) -> Path:
    """`dev_answer.json` of `dev.json`."""
    return path.with_stem(f"{path.stem}_answer")


def _json(path: Path) -> Any:
    try:
        return json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise StageFailure(f"{path}, line {error.lineno}: not JSON ({error.msg})", "Correct the file") from error
