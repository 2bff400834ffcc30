"""Examples with attributions: each piece of text on a ground as strong as its influence on the answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Per cent: a full ground would hide the text.
MAX_OPACITY = 70


@dataclass(frozen=True)
class AttributedPiece:
    """A piece of text and its influence on the probability of the predicted answer."""

    text: str
    is_marked: bool
    """it is what the question is about"""
    opacity: int
    """per cent, 0 where the influence is too small to be seen"""
    color: str
    points: str
    """percentage points that it adds to the probability"""


@dataclass(frozen=True)
class AttributedExample:
    """A test example, its predicted answer, and what influenced the prediction."""

    predicted: str
    truth: str
    origin: str
    probability: str
    """of the answer without the text → with the text"""
    texts: list[list[AttributedPiece]]


def load_attributions(path: Path) -> list[dict[str, Any]]:
    """Read the examples of an `attributions` file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def group_attributions(examples: Sequence[dict[str, Any]]) -> list[tuple[str, list[AttributedExample]]]:
    """Return the examples under two titles, the mistakes first; a title without an example is left out."""
    groups = []
    for title, is_right in (("Most confident mistakes", False), ("Most confident correct answers", True)):
        members = [
            _build_example(example) for example in examples if (example["predicted"] == example["truth"]) is is_right
        ]
        if members:
            groups.append((title, members))
    return groups


def _build_example(example: dict[str, Any]) -> AttributedExample:
    # colors are relative to the example's largest influence, or an unsure answer would be shown without any
    largest = max((abs(value) for text in example["texts"] for _, value, _ in text), default=0.0) or 1.0
    texts = [
        [
            AttributedPiece(
                piece,
                marked,
                round(MAX_OPACITY * abs(value) / largest),
                "good" if value > 0 else "bad",
                f"{100 * value:+.1f}",
            )
            for piece, value, marked in text
        ]
        for text in example["texts"]
    ]
    probability = f"{100 * example['empty']:.0f} → {100 * example['probability']:.0f} %"
    return AttributedExample(example["predicted"], example["truth"], example["origin"], probability, texts)
