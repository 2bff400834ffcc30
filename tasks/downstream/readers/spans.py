"""Texts with spans: entities by character, and sentences with two marked entities and their relation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks.downstream.metrics.words import CHARACTER_WORD
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.json_objects import read_objects
from tasks.downstream.readers.table import RejectedRows
from tasks.errors import StageFailure
from tasks.runtime.text_files import read_text

# a letter of a script without spaces, or a run of other letters up to one, or a single sign
WORD = re.compile(rf"{CHARACTER_WORD.pattern}|\w+?(?={CHARACTER_WORD.pattern})|\w+|[^\w\s]")
MARK = re.compile(r"</?e[12]>")
RELATION = re.compile(r'^\d+\t"?(?P<text>.*?)"?\s*$')


@dataclass(frozen=True)
class EntitySpan:
    """An entity in a text, from character `start` to before `end`."""

    start: int
    end: int
    entity_type: str
    origin: str
    pieces: int = 1
    """number of separate spans; the tags of words can only express one"""


def read_tagged_objects(path: Path, rejected: RejectedRows) -> Iterator[tuple[list[str], list[str], str]]:
    """Yield words, BIO tags and origin of JSON objects with `text` and entities.

    Entities: `spans` or `entities`, a list of {start, end, label} with `end` past the last character; or `label` as in
    CLUENER, {type: {entity: [[first, last], …]}}. Raises StageFailure for a span outside of its text, and for an entity
    that tags cannot express, unless there is a list `rejected` to put such errors into.
    """
    for item, origin in read_objects(path):
        text = item.get("text")
        if not isinstance(text, str):
            raise StageFailure(f"{origin}: there is no text", "Give every object a `text`")
        entities = [EntitySpan(*span, origin) for span in _parse_spans(item, origin)]
        for entity in entities:
            if not 0 <= entity.start < entity.end <= len(text):
                raise StageFailure(
                    f"{origin}: the span {entity.start}–{entity.end} lies outside the text", "Correct the span"
                )
        words = list(WORD.finditer(text))
        yield [word[0] for word in words], tag_words(words, entities, rejected), origin


def tag_words(words: list[re.Match[str]], entities: list[EntitySpan], rejected: RejectedRows) -> list[str]:
    """Return the BIO tags of words; of overlapping entities only the longest is tagged.

    Raises StageFailure for an entity that tags cannot express, or appends the error to `rejected`.
    """
    tags = ["O"] * len(words)
    # the longest entity first, then from left to right
    for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
        inside = [index for index, word in enumerate(words) if word.start() < entity.end and word.end() > entity.start]
        problem = "is of several pieces" if entity.pieces > 1 else "" if inside else "holds no word"
        if problem or any(tags[index] != "O" for index in inside):
            reject_entity(entity, problem or "shares a word with another one", rejected)
            continue
        for index in inside:
            tags[index] = f"{'B' if index == inside[0] else 'I'}-{entity.entity_type}"
    return tags


def reject_entity(entity: EntitySpan, reason: str, rejected: RejectedRows) -> None:
    """Raise StageFailure for an entity, or append the error to the list `rejected`."""
    problem = StageFailure(
        f"{entity.origin}: the entity at {entity.start}–{entity.end} {reason}",
        "Correct it, or set on_error to skip to leave such entities out",
    )
    if rejected is None:
        raise problem
    rejected.append(problem)


def _parse_spans(item: dict[str, Any], origin: str) -> list[tuple[int, int, str]]:
    try:
        if isinstance(item.get("label"), dict):
            return [
                # CLUENER counts the last character in.
                (first, last + 1, kind)
                for kind, entities in item["label"].items()
                for positions in entities.values()
                for first, last in positions
            ]
        spans: Any = item.get("spans", item.get("entities"))
        return [(span["start"], span["end"], str(span["label"])) for span in spans]
    except (KeyError, TypeError, ValueError) as error:
        raise StageFailure(
            f"{origin}: the entities cannot be read ({type(error).__name__}: {error})",
            "Give `spans` as a list of {start, end, label}, or `label` as CLUENER does",
        ) from error


def extract_marked_spans(text: str, origin: str) -> tuple[str, list[int]]:
    """Return a text without its marks <e1>, </e1>, <e2>, </e2>, and start and end of both spans in it.

    Raises StageFailure where a mark is missing or occurs twice.
    """
    marks = list(MARK.finditer(text))
    names = [mark[0] for mark in marks]
    if sorted(names) != ["</e1>", "</e2>", "<e1>", "<e2>"]:
        raise StageFailure(f"{origin}: not one <e1>…</e1> and one <e2>…</e2>", "Mark both spans of the text")
    ends = [0, *(end for mark in marks for end in mark.span()), len(text)]
    # every second stretch is text, the others are marks; a mark's position is the length of the text before it
    segments = [text[start:end] for start, end in list(pairwise(ends))[::2]]
    positions = {name: sum(map(len, segments[: index + 1])) for index, name in enumerate(names)}
    return "".join(segments), [positions[name] for name in ("<e1>", "</e1>", "<e2>", "</e2>")]


def read_semeval(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield marked text, relation and origin, in the format of SemEval-2010 task 8: number and text, relation, comment.

    Raises StageFailure that names a line without a relation.
    """
    lines = read_text(path, SETTING).splitlines()
    for number, line in enumerate(lines):
        if match := RELATION.match(line):
            if number + 1 >= len(lines) or not lines[number + 1].strip():
                raise StageFailure(f"{path}, line {number + 2}: the relation is missing", "Give it below its sentence")
            yield match["text"], lines[number + 1].strip(), f"{path}, line {number + 1}"
