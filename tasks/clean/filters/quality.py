"""A quality classifier, trained on examples of the user's."""

import functools
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast
from tasks.clean.filters._lists import digest_files
from tasks.errors import StageFailure
from tasks.runtime.markdown import render_markdown_table
from tasks.store import Draft

SETTING = "clean.filters.quality"
MODEL_FILE, ABOUT_FILE = "classifier/quality.safetensors", "classifier/quality.md"
NUM_TOP_WORDS = 40  # listed at either end of the weights


class Quality(AtLeast):
    """Drop documents that are more like your negative examples than like your positive ones.

    Source: GPT-3, arXiv:2005.14165, appendix A, filters Common Crawl with logistic regression on hashed features,
    trained to tell curated texts from the rest; DCLM, arXiv:2406.11794, finds such a classifier more effective than
    any rule. The score is the probability of a positive example. The trained classifier is written to `classifier/`
    in the artifact, with its accuracy on held-out examples and the words of the greatest weights; `model` reuses it.
    """

    scored_in_clean: ClassVar[bool] = True

    enabled: bool = False
    """whether this rule may drop documents"""
    positive_examples: str = Field(
        "", description="a folder of texts to keep: text files, JSONL or Parquet with a column text"
    )
    negative_examples: str = Field("", description="a folder of texts to drop, in the same formats")
    model: str = Field("", description="a classifier/quality.safetensors of a previous run, instead of the two folders")
    min: float = Field(0.5, ge=0, le=1, description="smallest probability of a positive example")

    def semantic(self) -> dict[str, Any]:
        """Return digests of the examples or the classifier in place of their paths."""
        sources = ("model",) if self.model else ("positive_examples", "negative_examples")
        digests = {name: digest_files(getattr(self, name), f"{SETTING}.{name}") for name in sources if self.enabled}
        return {"enabled": self.enabled, "min": self.min, **digests}

    def prepare(self, draft: Draft) -> Self:
        """Train a classifier and write it to the draft, unless one is given."""
        if self.model:
            return self
        # as a shard, so that a run that goes on after a kill has it already, and checks its files
        examples = (self.positive_examples, self.negative_examples)
        draft.map(train_quality_classifier, {"quality": examples}, "quality classifier")
        return self.model_copy(update={"model": str(draft.path / MODEL_FILE)})

    def score(self) -> pl.Expr:
        from tasks.clean.classifier import predict_probabilities  # noqa: PLC0415 - numba takes a second to import

        if not self.model:
            return pl.lit(float("nan"))
        classifier = open_classifier(self.model)
        return pl.col("text").map_batches(
            lambda texts: predict_probabilities(classifier, texts), return_dtype=pl.Float64
        )


def train_quality_classifier(out: Path, positive_examples: str, negative_examples: str) -> dict[str, Any]:
    """Train a classifier on two folders of examples; write it, and a page about it. Raises StageFailure."""
    from tasks.clean.classifier import list_top_words, save_classifier, train_classifier  # noqa: PLC0415 - numba takes a second to import
    from tasks.clean.filters._examples import load_examples  # noqa: PLC0415

    positive = load_examples(positive_examples, f"{SETTING}.positive_examples")
    negative = load_examples(negative_examples, f"{SETTING}.negative_examples")
    trained = train_classifier(positive, negative)
    (out / MODEL_FILE).parent.mkdir()
    save_classifier(trained, out / MODEL_FILE)
    words = list_top_words(trained.classifier, pl.concat([positive, negative]), NUM_TOP_WORDS)
    page = describe_classifier(trained.num_positive, trained.num_negative, trained.accuracy, dict(words))
    (out / ABOUT_FILE).write_text(page, encoding="utf-8")
    return {}


@functools.lru_cache(maxsize=1)
def open_classifier(model: str) -> Any:
    """Load a classifier from its file. Raises StageFailure."""
    from tasks.clean.classifier import load_classifier  # noqa: PLC0415 - numba takes a second to import

    try:
        return load_classifier(Path(model).expanduser())
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{model} cannot be read as a classifier: {error}", f"Give another with {SETTING}.model, or train one"
        ) from error


def describe_classifier(num_positive: int, num_negative: int, accuracy: float, weights: dict[str, float]) -> str:
    """Render the classifier's page in markdown."""
    table = render_markdown_table(("word", "weight"), [(word, f"{weight:+.2f}") for word, weight in weights.items()])
    return (
        f"Trained on {num_positive:,} positive and {num_negative:,} negative examples. Held-out accuracy, trained on "
        f"four fifths of them and measured on the rest: {accuracy:.1%}.\n\n"
        "Words with the greatest weights for a positive example, and last those with the greatest against it:\n\n"
        f"{table}\n"
    )
