"""Treatment of personal data in kept documents: keep it, replace it, remove it, or drop the document."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.clean.pii.patterns import KINDS, PATTERNS, PiiPattern

Action = Literal["keep", "replace", "remove", "drop"]


class Pii(Block):
    """Personal data: keep it, replace it by a placeholder such as <EMAIL>, remove it, or drop the document."""

    email: Action = Field("replace", description="e-mail addresses, but not those of example domains (RFC 2606)")
    ip: Action = Field("replace", description="public IPv4 and IPv6 addresses")
    phone: Action = Field("replace", description="telephone numbers, international and Chinese")
    card: Action = Field("replace", description="payment card numbers with a correct check digit (ISO/IEC 7812)")
    iban: Action = Field("replace", description="bank account numbers with a correct checksum (ISO 13616)")
    resident_id: Action = Field(
        "replace", description="Chinese resident identity numbers (GB 11643) with a correct check digit"
    )
    secret: Action = Field("replace", description="keys, tokens and private keys")

    @property
    def actions(self) -> dict[str, Action]:
        """The action for each kind that is not kept, in the order of the patterns."""
        return {kind: getattr(self, kind) for kind in KINDS if getattr(self, kind) != "keep"}


class PiiMatch(NamedTuple):
    """Personal data at `text[start:stop]`."""

    kind: str
    start: int
    stop: int


class TreatedTexts(NamedTuple):
    """Texts after treatment, whether each document is dropped, and the number of matches of each kind."""

    texts: pl.Series
    drops: pl.Series
    counts: dict[str, int]


def treat_texts(texts: pl.Series, settings: Pii) -> TreatedTexts:
    """Treat the texts of many documents; texts without personal data are not changed."""
    actions = settings.actions
    counts: Counter[str] = Counter(dict.fromkeys(actions, 0))
    changed: dict[int, str] = {}
    drops: set[int] = set()
    for row, patterns in _find_suspects(texts, actions).items():
        matches = find_personal_data(texts[row], patterns)
        counts.update(match.kind for match in matches)
        if any(actions[match.kind] == "drop" for match in matches):
            drops.add(row)
        elif matches:
            changed[row] = _rewrite_text(texts[row], matches, actions)
    treated_texts = texts.clone()  # scatter works in place
    treated_texts.scatter(list(changed), list(changed.values()))
    return TreatedTexts(
        treated_texts,
        pl.Series([row in drops for row in range(len(texts))], dtype=pl.Boolean),
        dict(counts),
    )


def select_patterns(kinds: Collection[str]) -> list[PiiPattern]:
    """Return the patterns of some kinds."""
    return [pattern for pattern in PATTERNS if pattern.kind in kinds]


def _find_suspects(texts: pl.Series, kinds: Collection[str]) -> dict[int, list[PiiPattern]]:
    """Return the rows that may have personal data, with the patterns that found it in the whole column at once."""
    rows: dict[int, list[PiiPattern]] = {}
    for pattern in select_patterns(kinds):
        for row in texts.str.contains(pattern.column_regex).arg_true().to_list():
            rows.setdefault(row, []).append(pattern)
    return dict(sorted(rows.items()))


def find_personal_data(text: str, patterns: Iterable[PiiPattern]) -> list[PiiMatch]:
    """Find the personal data of a text, in its order, without overlaps: earlier patterns take precedence."""
    matches: list[PiiMatch] = []
    for pattern in patterns:
        for candidate in pattern.text_regex.finditer(text):
            start, stop = candidate.span("data")
            overlaps = any(start < match.stop and match.start < stop for match in matches)
            if not overlaps and pattern.is_valid(candidate["data"]):
                matches.append(PiiMatch(pattern.kind, start, stop))
    return sorted(matches, key=lambda match: match.start)


def _rewrite_text(text: str, matches: list[PiiMatch], actions: dict[str, Action]) -> str:
    """Replace or remove the matches in a text, which are in its order."""
    parts, end = [], 0
    for match in matches:
        parts += [text[end : match.start], f"<{match.kind.upper()}>" if actions[match.kind] == "replace" else ""]
        end = match.stop
    return "".join([*parts, text[end:]])
