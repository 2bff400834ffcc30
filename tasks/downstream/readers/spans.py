"""Texts with marked spans: entities by place, and sentences with two marked entities and their relation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks.downstream.metrics.words import CHARACTER_WORD
from tasks.downstream.readers.json_objects import objects_of
from tasks.downstream.readers.table import Broken
from tasks.errors import StageFailure

WORD = re.compile(rf"{CHARACTER_WORD.pattern}|\w+?(?={CHARACTER_WORD.pattern})|\w+|[^\w\s]")
MARKED = re.compile(r"</?e[12]>")
RELATION = re.compile(r'^\d+\t"?(?P<text>.*?)"?\s*$')


@dataclass(frozen=True)
class Entity:
    """Characters of a text."""

    start: int
    end: int
    kind: str
    origin: str
    pieces: int = 1


def tagged_objects(path: Path, unfit: Broken) -> Iterator[tuple[list[str], list[str], str]]:
    """Words, BIO tags and origin of JSON objects with `text` and entities.

    Entities: `spans` or `entities`, a list of {start, end, label} with `end` past the last character; or `label` as in
    CLUENER, {type: {entity: [[first, last], …]}}. Raises StageFailure for a span outside of its text, and for what
    tags cannot say, unless there is a list to put that into.
    """
    for item, origin in objects_of(path):
        text = item.get("text")
        if not isinstance(text, str):
            raise StageFailure(f"{origin}: there is no text", "Give every object a `text`")
        found = [Entity(*span, origin) for span in _spans(item, origin)]
        for each in found:
            if not 0 <= each.start < each.end <= len(text):
                raise StageFailure(
                    f"{origin}: the span {each.start}–{each.end} lies outside the text", "Correct the span"
                )
        words = list(WORD.finditer(text))
        yield [word[0] for word in words], tags_of(words, found, unfit), origin


def tags_of(words: list[re.Match[str]], entities: list[Entity], unfit: Broken) -> list[str]:
    """BIO tags of words; of entities that overlap the longest is tagged."""
    tags = ["O"] * len(words)
    for each in sorted(entities, key=lambda each: (each.start - each.end, each.start)):
        inside = [number for number, word in enumerate(words) if word.start() < each.end and word.end() > each.start]
        problem = "is of several pieces" if each.pieces > 1 else "" if inside else "holds no word"
        if problem or any(tags[number] != "O" for number in inside):
            refuse(each, problem or "shares a word with another one", unfit)
            continue
        for number in inside:
            tags[number] = f"{'B' if number == inside[0] else 'I'}-{each.kind}"
    return tags


def refuse(entity: Entity, why: str, unfit: Broken) -> None:
    """Raise StageFailure for an entity, or note it."""
    problem = StageFailure(
        f"{entity.origin}: the entity at {entity.start}–{entity.end} {why}",
        "Correct it, or set skip_unfit to leave such ones out",
    )
    if unfit is None:
        raise problem
    unfit.append(problem)


def _spans(item: dict[str, Any], origin: str) -> list[tuple[int, int, str]]:
    try:
        if isinstance(item.get("label"), dict):
            return [
                (first, last + 1, kind)
                for kind, entities in item["label"].items()
                for places in entities.values()
                for first, last in places
            ]
        listed: Any = item.get("spans", item.get("entities"))
        return [(each["start"], each["end"], str(each["label"])) for each in listed]
    except (KeyError, TypeError, ValueError) as error:
        raise StageFailure(
            f"{origin}: the entities cannot be read ({type(error).__name__}: {error})",
            "Give `spans` as a list of {start, end, label}, or `label` as CLUENER does",
        ) from error


def marked(text: str, origin: str) -> tuple[str, list[int]]:
    """A text without its marks <e1>, </e1>, <e2>, </e2>, and where both spans begin and end in it."""
    marks = list(MARKED.finditer(text))
    names = [mark[0] for mark in marks]
    if sorted(names) != ["</e1>", "</e2>", "<e1>", "<e2>"]:
        raise StageFailure(f"{origin}: not one <e1>…</e1> and one <e2>…</e2>", "Mark both spans of the text")
    ends = [0, *(end for mark in marks for end in mark.span()), len(text)]
    plain = [text[start:end] for start, end in list(pairwise(ends))[::2]]
    places = {name: sum(map(len, plain[: number + 1])) for number, name in enumerate(names)}
    return "".join(plain), [places[name] for name in ("<e1>", "</e1>", "<e2>", "</e2>")]


def semeval_relations(path: Path) -> Iterator[tuple[str, str, str]]:
    """Marked text, relation and origin in the format of SemEval-2010 task 8: number and text, relation, comment."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise StageFailure(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    for number, line in enumerate(lines):
        if match := RELATION.match(line):
            if number + 1 >= len(lines) or not lines[number + 1].strip():
                raise StageFailure(f"{path}, line {number + 2}: the relation is missing", "Give it below its sentence")
            yield match["text"], lines[number + 1].strip(), f"{path}, line {number + 1}"
