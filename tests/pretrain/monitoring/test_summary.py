import base64
import xml.etree.ElementTree as ET

import pytest

from tasks.block import discover_blocks
from tasks.pretrain.export.model_card import ModelDescription, render_model_card
from tasks.pretrain.monitoring.summary import render_curves, render_summary
from tasks.pretrain.objectives import Objective
from tests.pretrain.conftest import small

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
    text = render_summary(small(), LINES, 12345)
    assert "| parameters | 12,345 |" in text
    assert "| validation loss | 4.250 |" in text
    assert "trigram" not in text
    assert "| perplexity of a trigram model | 20.1 |" in render_summary(small(), LINES, 1, {"a trigram model": 3.0})
    assert "| validation loss | 4.000 |" in render_summary(small(patience=1), LINES, 1), (
        "with patience the best are exported"
    )
    data = text.split("base64,")[1].split(")")[0]
    root = ET.fromstring(base64.b64decode(data))
    assert len(root.findall(".//{*}polyline")) == 2
    assert len(root.findall(".//{*}circle")) == 2


@pytest.mark.parametrize("line", [LINES[0], LINES[1]])
def test_a_run_of_one_step_has_a_picture_too(line: dict[str, float]) -> None:
    ET.fromstring(render_curves([line]))


def test_a_loss_that_is_no_number_is_left_out_of_the_picture() -> None:
    assert render_curves([*LINES, {"step": 4, "tokens": 400, "loss": float("nan")}]) == render_curves(LINES)


def test_the_picture_has_a_panel_for_all_that_was_measured() -> None:
    records = [{**line, "learning_rate_factor": 0.5, "gradient_norm": 1.0} for line in LINES]
    speeds = [{"step": line["step"], "tokens_per_second": 1000.0 * line["step"], "mfu": 0.25} for line in LINES]
    assert len(ET.fromstring(render_curves(records, speeds)).findall("{*}g")) == 4
    text = render_summary(small(), records, 1, speeds=speeds)
    assert "| tokens a second | 2,000 |" in text
    assert "| model FLOPs utilisation | 25.0% |" in text


@pytest.mark.parametrize("kind", discover_blocks(Objective))
def test_a_perplexity_is_told_only_where_tokens_are_guessed(kind: str) -> None:
    objective = discover_blocks(Objective)[kind]
    family = {"decoder": "gpt2", "encoder": "bert", "encoder_decoder": "t5"}[objective().model_kind]
    text = render_summary(small(family=family, objective={"kind": kind}), LINES, 1)
    guesses = kind in ("causal", "masked", "denoising", "span_corruption")
    assert ("perplexity" in text) == guesses
    assert (objective.loss_description == Objective.loss_description) == guesses
    assert f"| the loss is | {objective.loss_description} |" in text


def test_the_card_names_every_ancestor_and_no_times() -> None:
    description = ModelDescription(
        "AutoModelForCausalLM", "text-generation", "transformers", {"torch": "2.11"}, {"an LSTM": 2.0}
    )
    card = render_model_card(small(), LINES, 12345, LINEAGE, description)
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
    assert "skipped" not in render_summary(small(), LINES, 1)
    assert "| batches skipped | 2 |" in render_summary(small(), [*LINES[:2], {**LINES[2], "skipped": 2}], 1)
