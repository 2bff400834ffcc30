"""Dialogues as pairs of texts: the turns before a reply, and the reply.

Layouts: a list of turns under any usual name (SGD, MultiWOZ 2.2, KdConv), `log` (MultiWOZ 2.1), lists of texts (LCCC),
messages with roles, and lines of turns between `__eou__` (DailyDialog) or tabs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.readers import SETTING
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_folder, list_data_files, read_data_text
from tasks.input_files.json_objects import read_objects

TURN_LISTS = ("turns", "log", "messages", "utterances", "dialogue", "dialog", "conversation", "conversations",
              "history", "content", "dialogs")  # fmt: skip
TEXT_FIELDS = ("utterance", "text", "message", "content", "value", "utter", "sentence")
SPEAKER_FIELDS = ("speaker", "role", "from", "name", "agent", "user", "author")
END_OF_TURN = "__eou__"
JSON_SUFFIXES = (".json", ".jsonl")


class DialogueTurn(NamedTuple):
    """A turn of a dialogue; the speaker is empty where the file does not say."""

    speaker: str
    text: str


class DialoguePair(NamedTuple):
    """A reply, its speaker, and the turns before it."""

    source: str
    target: str
    origin: str


def find_turns(item: Any) -> list[DialogueTurn]:
    """Return the turns of a JSON value; an empty list where it is no dialogue."""
    if isinstance(item, list):
        return parse_turns(item)
    if not isinstance(item, dict):
        return []
    by_name = {name.lower(): value for name, value in item.items()}
    for name in TURN_LISTS:
        if turns := parse_turns(by_name.get(name)):
            return turns
    # a line that is a list of texts comes as numbered columns
    if item and all(name.isdecimal() for name in item):
        return parse_turns(list(item.values()))
    for value in item.values():
        if isinstance(value, list) and value and isinstance(value[0], dict) and (turns := parse_turns(value)):
            return turns
    return []


def parse_turns(value: Any) -> list[DialogueTurn]:
    """Return a list of texts, or of objects with a text, as turns; an empty list where it is none."""
    if not isinstance(value, list) or len(value) < 2:
        return []
    turns = [_parse_turn(turn) for turn in value]
    return [turn for turn in turns if turn is not None] if all(turn is not None for turn in turns) else []


def _parse_turn(turn: Any) -> DialogueTurn | None:
    if isinstance(turn, str):
        return DialogueTurn("", turn.strip())
    if not isinstance(turn, dict):
        return None
    text = next((turn[name] for name in TEXT_FIELDS if isinstance(turn.get(name), str)), None)
    speaker = next((str(turn[name]) for name in SPEAKER_FIELDS if isinstance(turn.get(name), (str, int))), "")
    return None if text is None else DialogueTurn(speaker, text.strip())


def read_dialogues(path: Path, encoding: str = "") -> Iterator[tuple[list[DialogueTurn], str]]:
    """Yield the turns of every dialogue of a file, and its origin; no turns for an object that is no dialogue.

    Of a folder the JSON files with dialogues are read; others, such as SGD's schema.json, are left out.
    """
    if is_data_folder(path):
        for file in list_data_files(path):
            if get_data_suffix(file) in JSON_SUFFIXES and is_dialogue_file(file, encoding):
                yield from read_dialogues(file, encoding)
        return
    text = read_data_text(path, SETTING, encoding)
    if text.lstrip()[:1] in ("{", "["):
        for item, origin in read_objects(path, SETTING, encoding):
            yield find_turns(item), origin
        return
    mark = END_OF_TURN if END_OF_TURN in text else "\t"
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            turns = [DialogueTurn("", turn.strip()) for turn in line.split(mark) if turn.strip()]
            yield turns, f"{path}, line {number}"


def is_dialogue_file(path: Path, encoding: str = "") -> bool:
    """Return whether the first objects or lines of a file are dialogues of two turns or more; or of a file below it."""
    if is_data_folder(path):
        return any(
            is_dialogue_file(file, encoding) for file in list_data_files(path) if get_data_suffix(file) in JSON_SUFFIXES
        )
    text = read_data_text(path, SETTING, encoding)
    if text.lstrip()[:1] not in ("{", "["):
        return END_OF_TURN in text[: 1 << 16]
    first = [turns for (turns, _), _ in zip(read_dialogues(path, encoding), range(20), strict=False)]
    return bool(first) and sum(map(bool, first)) > 0.5 * len(first)


def read_dialogue_pairs(
    path: Path, num_context: int, separator: str, speaker: str, encoding: str = ""
) -> Iterator[DialoguePair | StageFailure]:
    """Yield each reply with up to `num_context` turns before it, joined by `separator`.

    `speaker`: who says the replies, as the file calls it; empty: everyone. An object without turns is an error.
    """
    for turns, origin in read_dialogues(path, encoding):
        if not turns:
            yield StageFailure(f"{origin}: there is no list of turns", "Correct it, or set format")
        for index in range(1, len(turns)):
            reply, context = turns[index], turns[max(0, index - num_context) : index]
            source = separator.join(turn.text for turn in context if turn.text)
            if reply.text and source and (not speaker or reply.speaker == speaker):
                yield DialoguePair(source, reply.text, f"{origin}, turn {index + 1}")
