"""Guess what the columns of a table hold, by their names first and by their values where names say nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any

from tasks.errors import BadSetting
from tasks.input_files.column_names import ALIASES, find_by_name, is_ignored, normalise_column
from tasks.input_files.table_layout import is_number
from tasks.input_files.table_reader import Row

MIN_COMMON_PREFIX = 20
"""characters that all texts of a column begin with where it is a remark, such as who is to be credited"""
MAX_LABEL_LENGTH = 60
"""most characters of a class's name, on average"""
NAMED_PAIRS = (
    ("premise", "hypothesis"), ("premise", "hypo"), ("question", "sentence"), ("context", "response"),
    ("question", "passage"), ("query", "document"), ("query", "title"), ("abst", "keyword"), ("question", "answer"),
    ("text", "secondtext"), ("one", "other"),
)  # fmt: skip


@dataclass(frozen=True)
class ColumnProfile:
    """The values of a column, and their looks."""

    name: str
    values: Sequence[Any] = field(repr=False)

    @property
    def texts(self) -> list[str]:
        """The values that are no lists or objects, as texts."""
        return [str(value).strip() for value in self.values if isinstance(value, (str, int, float))]

    @property
    def is_scalar(self) -> bool:
        """True when nearly all values are texts or numbers."""
        return len(self.texts) >= 0.9 * max(1, len(self.values))

    @property
    def is_list_of_texts(self) -> bool:
        """True when the values are lists of texts."""
        lists = [value for value in self.values if isinstance(value, list)]
        return (
            bool(lists) and len(lists) >= 0.9 * len(self.values) and all(isinstance(i, str) for v in lists for i in v)
        )

    @property
    def num_distinct(self) -> int:
        """The number of different texts."""
        return len(set(self.texts))

    @property
    def mean_length(self) -> float:
        """Characters of a text, on average."""
        return sum(map(len, self.texts)) / max(1, len(self.texts))

    @property
    def is_numeric(self) -> bool:
        """True when all texts are numbers."""
        return bool(self.texts) and all(map(is_number, self.texts))

    @property
    def has_fractions(self) -> bool:
        """True when the values are numbers and not all are whole: a measure, not a class."""
        return self.is_numeric and any(float(text) != int(float(text)) for text in self.texts)

    @property
    def looks_like_label(self) -> bool:
        """True when few short texts recur, as the names of classes do."""
        return (
            self.is_scalar
            and 2 <= self.num_distinct <= max(2, len(self.texts) / 2)
            and self.mean_length <= MAX_LABEL_LENGTH
            and not self.has_fractions
        )

    @property
    def is_remark(self) -> bool:
        """True when all texts begin alike, as those on who is to be credited do."""
        texts = self.texts[:100]
        return len(texts) > 5 and len(commonprefix(texts)) >= MIN_COMMON_PREFIX  # noqa: RUF071 - they are no paths

    @property
    def looks_like_text(self) -> bool:
        """True when most values differ and have letters."""
        return (
            (self.is_scalar or self.is_list_of_texts)
            and not self.is_numeric
            and (self.is_list_of_texts or self.num_distinct > 0.3 * len(self.texts))
            and (self.is_list_of_texts or not looks_like_identifier(self.texts))
            and not self.is_remark
            and not (len(self.texts) > 20 and len(set(map(len, self.texts))) == 1)  # such as a date
        )


@dataclass(frozen=True)
class TextRoles:
    """The columns of a text, perhaps a second one, and their label or number."""

    text: str
    second: str
    answer: str


def profile_columns(rows: Sequence[Row]) -> dict[str, ColumnProfile]:
    """Return the columns of a sample by name. Columns of a later row that the first lacks are included."""
    names = dict.fromkeys(name for row in rows[:50] for name in row)
    # a column that is an object stands for its fields, which are columns too
    profiles = {
        name: ColumnProfile(name, [value for row in rows if (value := row.get(name)) not in (None, "")])
        for name in names
    }
    return {name: profile for name, profile in profiles.items() if profile.values}


def looks_like_identifier(texts: Sequence[str]) -> bool:
    """Return whether texts are single words with digits, such as numbers of documents or addresses."""
    sample = texts[:200]
    return bool(sample) and all(re.fullmatch(r"https?://\S+|(?=\S*\d)[\w.:/#-]+", text, re.ASCII) for text in sample)


def guess_text_roles(rows: Sequence[Row], source: str, *, label: str = "", text: str = "") -> TextRoles:
    """Guess the columns of a text, of a second one, and of the label; those that are named are not guessed.

    Raises BadSetting where it is not clear.
    """
    profiles = profile_columns(rows)
    if not label and not text and rows and {"text", "label"} <= rows[0].keys():
        pair = find_pair([name for name, profile in profiles.items() if profile.looks_like_text])
        return TextRoles("text", pair[1] if pair[0] == "text" else "", "label")
    label = label or _guess_label({name: profile for name, profile in profiles.items() if name != text}, source)
    if text:
        return TextRoles(text, "", label)
    text, second = guess_texts({name: profile for name, profile in profiles.items() if name != label}, source)
    return TextRoles(text, second, label)


def guess_number_roles(rows: Sequence[Row], source: str, *, number: str = "", text: str = "") -> TextRoles:
    """Guess the columns of two texts and of their number; those that are named are not guessed.

    Raises BadSetting where it is not clear.
    """
    profiles = profile_columns(rows)
    if not number and not text and rows and {"text", "second_text", "score"} <= rows[0].keys():
        return TextRoles("text", "second_text", "score")
    number = number or _guess_number(profiles, source)
    if text:
        return TextRoles(text, "", number)
    text, second = guess_texts({name: profile for name, profile in profiles.items() if name != number}, source)
    return TextRoles(text, second, number)


def _guess_number(profiles: dict[str, ColumnProfile], source: str) -> str:
    numeric = [name for name, profile in profiles.items() if profile.is_numeric and not is_ignored(name)]
    named = find_by_name(numeric, "number")
    fractions = [name for name in numeric if profiles[name].has_fractions]
    number = named or (fractions or numeric or [""])[0]
    if not number or (not named and len(fractions or numeric) > 1):
        raise unclear_column(source, "number", fractions or numeric or list(profiles))
    return number


def guess_source_and_target(rows: Sequence[Row], source: str) -> tuple[str, str]:
    """Guess the columns of the text to read and of the text to write. Raises BadSetting where it is not clear."""
    if rows and {"source", "target"} & rows[0].keys():
        return "source", "target"
    profiles = profile_columns(rows)
    texts = [name for name, profile in profiles.items() if profile.looks_like_text and not is_ignored(name)]
    names = (
        texts
        if len(texts) > 1
        else [name for name, p in profiles.items() if (p.is_scalar or p.is_list_of_texts) and not is_ignored(name)]
    )
    target = find_by_name(names, "target")
    read = find_by_name([name for name in names if name != target], "source")
    if target and not read and len(names) == 2:
        read = next(name for name in names if name != target)
    if read and not target and len(names) == 2:
        target = next(name for name in names if name != read)
    if read and target:
        return read, target
    if len(names) == 2 and all(name.isdecimal() for name in names):
        return names[0], names[1]
    raise unclear_column(source, "source" if not read else "target", names or list(profiles))


def guess_texts(profiles: dict[str, ColumnProfile], source: str) -> tuple[str, str]:
    """Guess the column of the text, and of a second one; empty where there is one text only."""
    candidates = [name for name, profile in profiles.items() if profile.looks_like_text and not is_ignored(name)]
    # few rows, or labels that are all different, look like nothing in particular
    names = candidates or [name for name, profile in profiles.items() if profile.is_scalar and not is_ignored(name)]
    text, second = find_pair(names)
    if text:
        return text, second
    if text := find_by_name(names, "text"):
        return text, ""
    if len(names) == 1:
        return names[0], ""
    if len(names) == 2 and all(name.isdecimal() for name in names):
        return names[0], names[1]
    if names:
        # titles and authors are shorter than the text; of two long columns either may be meant
        by_length = sorted(names, key=lambda name: -profiles[name].mean_length)
        if profiles[by_length[0]].mean_length > 3 * profiles[by_length[1]].mean_length:
            return by_length[0], ""
    raise unclear_column(source, "text", names or list(profiles))


def find_pair(names: list[str]) -> tuple[str, str]:
    """Return two columns whose names belong together, such as sentence1 and sentence2; empty texts where none do."""
    by_normalised = {normalise_column(name): name for name in reversed(names)}
    for one, name in by_normalised.items():
        for first_sign, second_sign in (("1", "2"), ("a", "b"), ("one", "two"), ("first", "second")):
            position = one.rfind(first_sign)
            if position < 0:
                continue
            other = one[:position] + second_sign + one[position + len(first_sign) :]
            # `a` ends or begins a name: text_a, and not the a of `answer`
            is_edge = position in (0, len(one) - len(first_sign))
            if is_edge and other in by_normalised and other != one:
                return name, by_normalised[other]
    for one, other in NAMED_PAIRS:
        if one in by_normalised and other in by_normalised:
            return by_normalised[one], by_normalised[other]
    return "", ""


def _guess_label(profiles: dict[str, ColumnProfile], source: str) -> str:
    scalar = [name for name, profile in profiles.items() if profile.is_scalar and not profile.has_fractions]
    named = [name for name in scalar if normalise_column(name) in ALIASES["label"]]
    # a name is enough where the values do not speak against it: a small file may have every label once
    usable = [
        name
        for name in named
        if profiles[name].mean_length <= MAX_LABEL_LENGTH
        and (profiles[name].looks_like_label or len(profiles[name].texts) < 12 or profiles[name].num_distinct < 200)
    ]
    if usable:
        return find_by_name(usable, "label")
    candidates = [name for name in scalar if profiles[name].looks_like_label and not is_ignored(name)]
    if len(candidates) == 1:
        return candidates[0]
    raise unclear_column(source, "label", candidates or list(profiles))


def unclear_column(source: str, role: str, candidates: Sequence[str]) -> BadSetting:
    """Return the error for a column that cannot be guessed; it names the setting and the candidates."""
    names = ", ".join(candidates[:12])
    return BadSetting(
        f"{source}: it is not clear which column is the {role}: {names or 'there is none'}",
        f"Set columns.{role} to one of them",
    )
