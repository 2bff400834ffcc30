"""Dialects of the tags of words, and their translation to one: the letter first, a hyphen, and the type.

`b-per`, `PER-B`, `B_PER` and `per/B` become `B-PER`'s form. Tags without a type (B, I, O; B, M, E, S of segmented
words) get one, and a bare type (PER) is an entity of the words in a row that have it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.errors import StageFailure

OUTSIDE = frozenset({"O", "o", "0", "OUT", "OTHER", "_", "-"})
LETTERS = "BIOESMLUW"
SINGLE = {"W": "S"}
"""Letters of BMEWO → those of BIOES that mean the same and that metrics know"""
SEPARATORS = "-_/:"
PREFIXED = re.compile(rf"(?P<letter>[{LETTERS}])[{SEPARATORS}](?P<type>.+)", re.IGNORECASE | re.DOTALL)
SUFFIXED = re.compile(rf"(?P<type>.+)[{SEPARATORS}](?P<letter>[{LETTERS}])", re.IGNORECASE | re.DOTALL)
UNTYPED = re.compile(rf"(?P<letter>[{LETTERS}])-?", re.IGNORECASE)
ENTITY, SEGMENT = "entity", "word"
"""The type of untyped tags, where some words are outside, and where none is (words of segmented text)"""


@dataclass(frozen=True)
class TagScheme:
    """A dialect of tags."""

    name: str
    """prefixed, suffixed, untyped, or types"""
    untyped_name: str = ENTITY

    def translate(self, tag: str) -> str:
        """Return a tag in the form of `B-PER`; an empty text for a tag that is none of the dialect's."""
        if tag in OUTSIDE:
            return "O"
        pattern = {"prefixed": PREFIXED, "suffixed": SUFFIXED, "untyped": UNTYPED}.get(self.name)
        if pattern is None:
            return f"I-{tag}"
        match = pattern.fullmatch(tag)
        if match is None:
            return ""
        letter = match["letter"].upper()
        if letter == "O":
            return "O"
        return f"{SINGLE.get(letter, letter)}-{match['type'] if self.name != 'untyped' else self.untyped_name}"

    def describe(self) -> str:
        """Return a sentence on the dialect, with a space before it; empty for the usual one."""
        sentences = {
            "suffixed": " Its tags have the letter last, as PER-B.",
            "untyped": f" Its tags have no type, which is called {self.untyped_name} here.",
            "types": " Its tags are types without B and I: words in a row of one type are one entity.",
        }
        return sentences.get(self.name, "")


def detect_tag_scheme(tags: Iterable[str]) -> TagScheme:
    """Return the dialect that all tags fit. Raises StageFailure that names tags of several dialects."""
    all_tags = set(tags)
    inside = sorted(all_tags - OUTSIDE)
    for name, pattern in (("prefixed", PREFIXED), ("suffixed", SUFFIXED), ("untyped", UNTYPED)):
        matches = [match for tag in inside if (match := pattern.fullmatch(tag))]
        if inside and len(matches) == len(inside):
            # of PER-B and B-I both forms fit: a type of one letter is rarer than a letter of the scheme
            return TagScheme(name, ENTITY if all_tags & OUTSIDE else SEGMENT)
    typed = [tag for tag in inside if PREFIXED.fullmatch(tag) or SUFFIXED.fullmatch(tag)]
    bare = [tag for tag in inside if tag not in typed]
    if typed and any(UNTYPED.fullmatch(tag) or len(typed) > len(inside) / 2 for tag in bare):
        raise StageFailure(
            f"the tags {typed[0]!r} and {bare[0]!r} are of different schemes",
            "Give all tags a letter and a type, as B-PER, or set columns.tag to the column of the tags",
        )
    return TagScheme("types")
