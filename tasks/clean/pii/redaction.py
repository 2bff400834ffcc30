"""Personal data in the documents that stay: kept, replaced by a placeholder, cut out, or what drops the document."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field

from tasks.block import Block
from tasks.clean.pii.patterns import FORMS, KINDS, Form

Action = Literal["keep", "replace", "remove", "drop"]


class Pii(Block):
    """Personal data: keep it, replace it by a placeholder such as <EMAIL>, remove it, or drop the document."""

    email: Action = Field("replace", description="e-mail addresses, but not those of example domains (RFC 2606)")
    ip: Action = Field("replace", description="public IPv4 and IPv6 addresses")
    phone: Action = Field("replace", description="telephone numbers, international and Chinese")
    card: Action = Field("replace", description="payment card numbers with a right check digit (ISO/IEC 7812)")
    iban: Action = Field("replace", description="bank account numbers with a right check sum (ISO 13616)")
    resident_id: Action = Field(
        "replace", description="Chinese resident identity numbers (GB 11643) with a right check"
    )
    secret: Action = Field("replace", description="keys, tokens and private keys")

    def actions(self) -> dict[str, Action]:
        """What to do with each kind that is not kept, in the order in which kinds claim a place."""
        return {kind: getattr(self, kind) for kind in KINDS if getattr(self, kind) != "keep"}


class Found(NamedTuple):
    """Personal data at `text[start:stop]`."""

    kind: str
    start: int
    stop: int


class Treated(NamedTuple):
    """Texts after treatment, whether each document goes, and how many of each kind were found."""

    texts: pl.Series
    drops: pl.Series
    counts: dict[str, int]


def treated(texts: pl.Series, settings: Pii) -> Treated:
    """Treat the texts of many documents; texts that hold nothing are not touched."""
    actions = settings.actions()
    counts: Counter[str] = Counter(dict.fromkeys(actions, 0))
    changed: dict[int, str] = {}
    drops: set[int] = set()
    for row, among in _suspects(texts, actions).items():
        places = found(texts[row], among)
        counts.update(place.kind for place in places)
        if any(actions[place.kind] == "drop" for place in places):
            drops.add(row)
        elif places:
            changed[row] = _rewritten(texts[row], places, actions)
    treated_texts = texts.clone()  # scatter works in place
    treated_texts.scatter(list(changed), list(changed.values()))
    return Treated(
        treated_texts,
        pl.Series([row in drops for row in range(len(texts))], dtype=pl.Boolean),
        dict(counts),
    )


def forms(kinds: Collection[str]) -> list[Form]:
    """The forms of some kinds."""
    return [form for form in FORMS if form.kind in kinds]


def _suspects(texts: pl.Series, kinds: Collection[str]) -> dict[int, list[Form]]:
    """The rows that may hold something, and in which forms: their shapes are searched in the whole column at once."""
    rows: dict[int, list[Form]] = {}
    for form in forms(kinds):
        for row in texts.str.contains(form.search).arg_true().to_list():
            rows.setdefault(row, []).append(form)
    return dict(sorted(rows.items()))


def found(text: str, among: Iterable[Form]) -> list[Found]:
    """The personal data of a text in its order, no two overlapping: what an earlier form claims, a later one leaves."""
    places: list[Found] = []
    for form in among:
        for match in form.pattern.finditer(text):
            start, stop = match.span("it")
            free = not any(start < other.stop and other.start < stop for other in places)
            if free and form.holds(match["it"]):
                places.append(Found(form.kind, start, stop))
    return sorted(places, key=lambda place: place.start)


def _rewritten(text: str, places: list[Found], actions: dict[str, Action]) -> str:
    parts, end = [], 0
    for place in places:
        parts += [text[end : place.start], f"<{place.kind.upper()}>" if actions[place.kind] == "replace" else ""]
        end = place.stop
    return "".join([*parts, text[end:]])
