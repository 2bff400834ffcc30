"""A corpus that is too small: one message with all that is wrong, and remedies that work."""

import itertools
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.corpus_size import check_corpus_size
from flows.graph import StageSelection
from flows.preflight import check_small_corpus
from flows.recipe import Recipe, load_recipe
from tasks.dedup.task import dedup
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import BuildSpec
from tasks.tokenize.task import tokenize

WORDS = ("boat", "lake", "stone", "wind", "lamp", "road", "bread", "field", "glass", "cloud")
AsArtifact = Callable[[Path, str], Artifact]


def make_text(number: int) -> str:
    return " ".join(WORDS[(number * 7 + position * position) % 10] for position in range(400)) + f" page {number}."


def write_documents(folder: Path, count: int, sections: tuple[str, ...] = ("guide", "news")) -> Path:
    """The documents of a dedup artifact, as many of each section."""
    numbers = range(count)
    columns: dict[str, Any] = {
        "id": [f"{number:032x}" for number in numbers],
        "url": [f"https://made.test/{sections[number % len(sections)]}/{number}" for number in numbers],
        "title": [""] * count,
        "text": [make_text(number) for number in numbers],
        "language": ["en"] * count,
    }
    (folder / "documents").mkdir(parents=True)
    pl.DataFrame(columns).write_parquet(folder / "documents" / "00000.parquet")
    return folder


def find_message(recipe: Recipe, documents: Artifact) -> str:
    try:
        check_corpus_size(recipe, documents)
    except StageFailure as error:
        return str(error)
    return ""


def apply_remedy(message: str, begin: str) -> Recipe:
    (line,) = [line for line in message.splitlines() if line.startswith(f"- {begin}")]
    words = shlex.split(line.rstrip("."))
    return load_recipe(None, [word for option, word in itertools.pairwise(words) if option == "--set"])


def test_everything_that_is_wrong_is_in_one_message(tmp_path: Path, as_artifact: AsArtifact) -> None:
    message = find_message(Recipe(), as_artifact(write_documents(tmp_path / "small", 12), "dedup"))
    assert re.search(
        r"of 12 documents \d+ are in train, 0 in validation \(tokenize.validation_fraction=0.02\) and 0 in heldout "
        r"\(tokenize.heldout_fraction=0.05\)",
        message,
    )
    assert "- no document is in validation, where the loss is measured" in message
    assert "- no document is held out, and site_section is made of these" in message
    assert "- let in more documents: 200 or more, in two sections or more" in message
    assert "--only tokenize --only pretrain --set tokenize.heldout_fraction=0" in message


def test_the_fractions_that_are_proposed_work(tmp_path: Path, as_artifact: AsArtifact) -> None:
    documents = as_artifact(write_documents(tmp_path / "middle", 80), "dedup")
    message = find_message(Recipe(), documents)
    assert "site_section: the held-out pages make" in message
    assert find_message(apply_remedy(message, "hold out more"), documents) == ""


def test_without_sections_held_out_documents_are_scored_without_classes(
    tmp_path: Path, as_artifact: AsArtifact
) -> None:
    documents = as_artifact(write_documents(tmp_path / "one", 80, sections=("all",)), "dedup")
    message = find_message(Recipe(), documents)
    assert "hold out more" not in message
    recipe = apply_remedy(message, "score them")
    assert recipe.evaluate.benchmarks.language_modelling.heldout  # type: ignore[attr-defined]  # made at run time
    assert find_message(recipe, documents) == ""


def test_an_end_before_the_evaluation_asks_for_no_split(tmp_path: Path, as_artifact: AsArtifact) -> None:
    message = find_message(
        load_recipe(None, ["pretrain.patience=3"]), as_artifact(write_documents(tmp_path / "s", 5), "")
    )
    tokenize = apply_remedy(message, "end before").tokenize
    assert (tokenize.heldout_fraction, tokenize.validation_fraction) == (0, 0)
    assert "--set pretrain.patience=0" in message, "patience needs a validation loss"


def publish_documents(store: Store, num_kept: int) -> Artifact:
    spec = BuildSpec(stage="dedup", version=1, settings={}, semantic={"kept": num_kept}, inputs=(), fingerprint="f")
    draft = store.draft("dedup", spec.expected_key, ())
    write_documents(draft.path, 12)
    draft.counts["kept"] = num_kept
    return store.publish(spec, draft, time.time())


def test_it_is_said_before_tokenize_where_an_evaluation_is_asked_for(tmp_path: Path) -> None:
    recipe, store = Recipe(), Store(tmp_path / "store")
    documents = publish_documents(store, 12)

    def check(documents: Artifact, stage: Any = tokenize, **selection: Any) -> None:
        check_small_corpus(recipe, StageSelection(**selection), store, stage, recipe.tokenize, documents)

    with pytest.raises(StageFailure, match="the corpus is too small for these settings: of 12 documents"):
        check(documents)
    check(documents, only=("tokenize", "pretrain"))
    check(documents, stage=dedup)
    check(publish_documents(store, 5001))  # read by tokenize alone, as it takes long


@pytest.mark.parametrize("count", [400, 800])
def test_a_corpus_of_the_documented_size_is_large_enough(tmp_path: Path, as_artifact: AsArtifact, count: int) -> None:
    assert find_message(Recipe(), as_artifact(write_documents(tmp_path / "large", count), "dedup")) == ""
