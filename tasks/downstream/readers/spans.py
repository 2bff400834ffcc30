"""Texts with spans: entities by character, and sentences with two marked entities and their relation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks.downstream.metrics.words import CHARACTER_WORD
from tasks.downstream.readers import SETTING
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.input_files.data_paths import read_data_text
from tasks.input_files.json_objects import read_objects

# a letter of a script without spaces, or a run of other letters up to one, or a single sign
WORD = re.compile(rf"{CHARACTER_WORD.pattern}|\w+?(?={CHARACTER_WORD.pattern})|\w+|[^\w\s]")
MARK = re.compile(r"</?e[12]>")
RELATION = re.compile(r'^\d+\t"?(?P<text>.*?)"?\s*$')


TEXT_FIELDS = ("text", "sentence", "content", "full_text", "context", "document", "data", "0")
SPAN_FIELDS = ("spans", "entities", "label", "labels", "annotations", "1")
START_FIELDS = ("start", "start_idx", "start_offset", "begin", "start_position", "start_pos")
END_FIELDS = ("end", "end_idx", "end_offset", "stop", "end_position", "end_pos")
TYPE_FIELDS = ("label", "type", "entity_type", "tag", "category", "label_type")


@dataclass(frozen=True)
class EntitySpan:
    """An entity in a text, from character `start` to before `end`."""

    start: int
    end: int
    entity_type: str
    origin: str
    pieces: int = 1
    """number of separate spans; the tags of words can only express one"""


def read_tagged_objects(
    path: Path, rejected: RejectedRows, encoding: str = ""
) -> Iterator[tuple[list[str], list[str], str]]:
    """Yield words, BIO tags and origin of JSON objects with `text` and entities.

    Entities: `spans` or `entities`, a list of {start, end, label} with `end` past the last character; or `label` as in
    CLUENER, {type: {entity: [[first, last], …]}}, or lists of [start, end, label], as spaCy and Doccano have them.
    A span outside of its text, and an entity that tags cannot express, are errors, which `rejected` raises or counts.
    """
    for item, origin in read_objects(path, SETTING, encoding, rejected.reject):
        problem, text, entities = _parse_tagged_object(item, origin)
        if problem is not None:
            rejected.reject(problem)
            continue
        words = list(WORD.finditer(text))
        yield [word[0] for word in words], tag_words(words, entities, rejected), origin


def _parse_tagged_object(item: dict[str, Any], origin: str) -> tuple[StageFailure | None, str, list[EntitySpan]]:
    text = next((item[name] for name in TEXT_FIELDS if isinstance(item.get(name), str)), None)
    if not isinstance(text, str):
        return StageFailure(f"{origin}: there is no text", "Give every object a `text`"), "", []
    try:
        entities = [EntitySpan(*span, origin) for span in _parse_spans(item)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{origin}: the entities cannot be read ({type(error).__name__}: {error})"
        hint = "Give `spans` as a list of {start, end, label}, or `label` as CLUENER does"
        return StageFailure(what, hint), text, []
    for entity in entities:
        if not 0 <= entity.start < entity.end <= len(text):
            what = f"{origin}: the span {entity.start}–{entity.end} lies outside the text"
            return StageFailure(what, "Correct the span"), text, []
    return None, text, entities


def tag_words(words: list[re.Match[str]], entities: list[EntitySpan], rejected: RejectedRows) -> list[str]:
    """Return the BIO tags of words; of overlapping entities only the longest is tagged.

    An entity that tags cannot express is an error, which `rejected` raises or counts.
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
    """Reject an entity for a reason."""
    rejected.reject(
        StageFailure(
            f"{entity.origin}: the entity at {entity.start}–{entity.end} {reason}",
            "Correct it, or set on_error to skip to leave such entities out",
        )
    )


def _parse_spans(item: dict[str, Any]) -> list[tuple[int, int, str]]:
    if isinstance(item.get("label"), dict):
        return [
            # CLUENER counts the last character in.
            (first, last + 1, kind)
            for kind, entities in item["label"].items()
            for positions in entities.values()
            for first, last in positions
        ]
    spans: Any = next((item[name] for name in SPAN_FIELDS if isinstance(item.get(name), (list, dict))), None)
    if isinstance(spans, dict):
        spans = spans["entities"]  # spaCy's (text, {"entities": […]}) as JSON
    return [_parse_span(span) for span in spans]


def _parse_span(span: Any) -> tuple[int, int, str]:
    if isinstance(span, list):
        start, end, label = span
    else:
        start = next(span[name] for name in START_FIELDS if name in span)
        # offsets that are called end_idx count the last character in where the text of the entity says so
        end = next(span[name] for name in END_FIELDS if name in span)
        label = next(span[name] for name in TYPE_FIELDS if name in span)
        text = span.get("entity", span.get("text", span.get("value")))
        if isinstance(text, str) and end - start == len(text) - 1:
            end += 1
    return int(start), int(end), str(label)


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


def read_semeval(path: Path, rejected: RejectedRows, encoding: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield marked text, relation and origin, in the format of SemEval-2010 task 8: number and text, relation, comment.

    A text without a relation is an error, which `rejected` raises or counts.
    """
    lines = read_data_text(path, SETTING, encoding).splitlines()
    for number, line in enumerate(lines):
        if match := RELATION.match(line):
            if number + 1 >= len(lines) or not lines[number + 1].strip():
                what = f"{path}, line {number + 2}: the relation is missing"
                rejected.reject(StageFailure(what, "Give it below its sentence"))
                continue
            yield match["text"], lines[number + 1].strip(), f"{path}, line {number + 1}"
