"""What a model looked at, as HTML: each piece of text on a ground as strong as its share."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, Any]]:
    """The examples of an `attributions` file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def highlights(examples: Sequence[dict[str, Any]]) -> str:
    """Every example with its answer; nothing without examples."""
    if not examples:
        return ""
    note = (
        '<p class="soft">Integrated gradients: what each piece of text adds to the probability of the given answer, or '
        "takes from it; together, the difference to a text of tokens that say nothing.</p>"
    )
    return f"<h3>What the model looks at</h3>{note}{''.join(map(_example, examples))}"


def _example(told: dict[str, Any]) -> str:
    side = "right" if told["predicted"] == told["truth"] else f"in truth <b>{escape(told['truth'])}</b>"
    largest = max((abs(value) for text in told["texts"] for _, value in text), default=0.0) or 1.0
    texts = "".join(
        f"<p>{''.join(_piece(piece, value, largest) for piece, value in text)}</p>" for text in told["texts"]
    )
    gain = f"{100 * told['empty']:.0f} → {100 * told['probability']:.0f} %"
    return (
        f"<blockquote><p><b>{escape(told['predicted'])}</b> ({gain}), {side} "
        f"<small>{escape(told['origin'])}</small></p>{texts}</blockquote>"
    )


def _piece(piece: str, value: float, largest: float) -> str:
    share = round(70 * abs(value) / largest)
    if not share:
        return escape(piece)
    color = "good" if value > 0 else "bad"
    ground = f"background:color-mix(in srgb,var(--{color}) {share}%,transparent)"
    return f'<span style="{ground}" title="{100 * value:+.1f} points">{escape(piece)}</span>'
