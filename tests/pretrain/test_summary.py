import base64
import xml.etree.ElementTree as ET

import pytest

from tasks.pretrain.card import Made, model_card
from tasks.pretrain.curve import POINTS, loss_curve, thinned
from tasks.pretrain.summary import summary

from .conftest import small

LINES = [
    {"step": 1, "tokens": 100, "loss": 6.0},
    {"step": 2, "tokens": 200, "loss": 5.0, "validation_loss": 4.0},
    {"step": 3, "tokens": 300, "loss": 4.5, "validation_loss": 4.25},
]
LINEAGE = [
    {
        "stage": "crawl",
        "key": "c0",
        "digest": "d0",
        "counts": {"pages": 1234, "seconds": 1.25},
        "semantic": {"url": "https://a.example"},
    },
    {"stage": "tokenize", "key": "t0", "digest": "d1", "counts": {"tokens": {"train": 5000, "validation": 10}}},
]


def test_the_summary_has_the_numbers_and_a_picture_that_is_whole() -> None:
    text = summary(small(), LINES, 12345)
    assert "| parameters | 12,345 |" in text
    assert "| validation loss | 4.250 |" in text
    assert "trigram" not in text
    assert "| perplexity of a trigram model | 20.1 |" in summary(small(), LINES, 1, {"a trigram model": 3.0})
    assert "| validation loss | 4.000 |" in summary(small(patience=1), LINES, 1), "with patience the best are exported"
    data = text.split("base64,")[1].split(")")[0]
    root = ET.fromstring(base64.b64decode(data))
    assert len(root.findall("{*}polyline")) == 2
    assert len(root.findall("{*}circle")) == 2


def test_long_runs_are_thinned_to_means() -> None:
    points = [(float(step), 2.0 * step) for step in range(5 * POINTS)]
    few = thinned(points)
    assert len(few) == POINTS
    assert few[0] == (2.0, 4.0)


@pytest.mark.parametrize("validation", [[], [(1.0, 2.0)]])
def test_a_run_of_one_step_has_a_picture_too(validation: list[tuple[float, float]]) -> None:
    ET.fromstring(loss_curve([(1.0, 2.0)], validation))


def test_the_card_names_every_ancestor_and_no_times() -> None:
    made = Made("AutoModelForCausalLM", "text-generation", "transformers", {"torch": "2.11"}, {"an LSTM": 2.0})
    card = model_card(small(), LINES, 12345, LINEAGE, made)
    assert card.startswith("---\nlibrary_name: transformers\npipeline_tag: text-generation\n")
    assert "AutoModelForCausalLM.from_pretrained" in card
    assert "# gpt2 trained from random weights" in card
    assert "| crawl | c0 | d0 | pages 1,234 |" in card
    assert "| tokenize | t0 | d1 | tokens train=5,000 validation=10 |" in card
    assert "<summary>Settings of crawl c0</summary>" in card
    assert '"url": "https://a.example"' in card
    assert "| torch | 2.11 |" in card
    assert "| perplexity of an LSTM | 7.4 |" in card
    assert "data:image/svg+xml" in card
    assert "1.25" not in card


def test_what_went_wrong_is_on_the_page() -> None:
    assert "left out" not in summary(small(), LINES, 1)
    assert "| batches left out | 2 |" in summary(small(), [*LINES[:2], {**LINES[2], "skipped": 2}], 1)
