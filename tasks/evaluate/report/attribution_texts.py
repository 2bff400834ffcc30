"""What a model looked at, as HTML: each piece of text on a ground as strong as its share."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from tasks.evaluate.report.page import quote


def read(path: Path) -> list[dict[str, Any]]:
    """The examples of an `attributions` file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def highlights(examples: Sequence[dict[str, Any]]) -> str:
    """Every example with its answer, the mistakes first; nothing without examples."""
    if not examples:
        return ""
    note = (
        '<p class="soft">Integrated gradients: what each piece of text adds to the probability of the given answer '
        "(blue) or takes from it (orange); together, the difference to a text of tokens that say nothing, whose "
        "probability stands first in the brackets. Underlined is what was asked "
        "about, where that is a part of the text.</p>"
    )
    told = [f"<h3>What the model looks at</h3>{note}"]
    for title, right in (("Most confident mistakes", False), ("Most confident right answers", True)):
        some = [each for each in examples if (each["predicted"] == each["truth"]) is right]
        told += [f"<h4>{title}</h4>", *map(_example, some)] if some else []
    return "".join(told)


def _example(told: dict[str, Any]) -> str:
    right = told["predicted"] == told["truth"]
    side = "" if right else f", in truth <b>{escape(told['truth'])}</b>"
    largest = max((abs(value) for text in told["texts"] for _, value, _ in text), default=0.0) or 1.0
    texts = [
        "".join(_piece(piece, value, largest, marked=marked) for piece, value, marked in text) for text in told["texts"]
    ]
    gain = f"{100 * told['empty']:.0f} → {100 * told['probability']:.0f} %"
    said = f"<b>{escape(told['predicted'])}</b> ({gain}){side} <small>{escape(told['origin'])}</small>"
    return quote(said, *texts)


def _piece(piece: str, value: float, largest: float, *, marked: bool) -> str:
    shown = f"<u>{escape(piece)}</u>" if marked else escape(piece)
    share = round(70 * abs(value) / largest)
    if not share:
        return shown
    color = "good" if value > 0 else "bad"
    ground = f"background:color-mix(in srgb,var(--{color}) {share}%,transparent)"
    return f'<span style="{ground}" title="{100 * value:+.1f} points">{shown}</span>'
