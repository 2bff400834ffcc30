"""A classifier of your own."""

import functools
from pathlib import Path
from typing import Any, ClassVar, Self

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtLeast
from tasks.clean.filters._lists import digest_of
from tasks.errors import StageFailure
from tasks.store import Draft

HERE = "clean.filters.quality"
MODEL, ABOUT = "classifier/quality.safetensors", "classifier/quality.md"
TELLING = 40  # words that are listed for either kind


class Quality(AtLeast):
    """Drop documents that are more like your bad examples than like your good ones.

    Source: GPT-3, arXiv:2005.14165, appendix A, sifts Common Crawl with logistic regression on hashed features, trained
    to tell curated texts from the rest; DCLM, arXiv:2406.11794, finds such a classifier worth more than any rule. The
    score is the probability of a good text. The trained classifier lies in the artifact's `classifier/`, with its
    accuracy on held-out examples and the words that weigh most; `model` takes it up again.
    """

    late: ClassVar[bool] = True

    enabled: bool = False
    """whether this rule may drop documents"""
    good: str = Field("", description="a folder of good examples: text files, JSONL or Parquet with a column text")
    bad: str = Field("", description="a folder of bad examples")
    model: str = Field("", description="a classifier/quality.safetensors of an earlier run, instead of the two folders")
    fewest: float = Field(0.5, ge=0, le=1, description="smallest probability of a good text")

    def semantic(self) -> dict[str, Any]:
        """What the examples or the classifier are, and not where they lie."""
        given = ("model",) if self.model else ("good", "bad")
        digests = {name: digest_of(getattr(self, name), f"{HERE}.{name}") for name in given if self.enabled}
        return {"enabled": self.enabled, "fewest": self.fewest, **digests}

    def ready(self, draft: Draft) -> Self:
        """Train, unless a classifier is given; it is kept in the draft."""
        from tasks.clean.classifier import save, telling, train  # noqa: PLC0415 - numba takes a second to import
        from tasks.clean.filters._examples import examples  # noqa: PLC0415

        if self.model:
            return self
        if not draft.is_complete(ABOUT):
            good, bad = examples(self.good, f"{HERE}.good"), examples(self.bad, f"{HERE}.bad")
            trained = train(good, bad)
            with draft.write(MODEL) as path:
                save(trained, path)
            with draft.write(ABOUT) as path:
                words = telling(trained.classifier, pl.concat([good, bad]), TELLING)
                path.write_text(about(trained.num_good, trained.num_bad, trained.accuracy, dict(words)))
        return self.model_copy(update={"model": str(draft.path / MODEL)})

    def score(self) -> pl.Expr:
        from tasks.clean.classifier import probabilities  # noqa: PLC0415 - numba takes a second to import

        if not self.model:
            return pl.lit(float("nan"))
        classifier = loaded(self.model)
        return pl.col("text").map_batches(lambda texts: probabilities(classifier, texts), return_dtype=pl.Float64)


@functools.lru_cache(maxsize=1)
def loaded(model: str) -> Any:
    """The classifier of a file. Raises StageFailure."""
    from tasks.clean.classifier import load  # noqa: PLC0415 - numba takes a second to import

    try:
        return load(Path(model).expanduser())
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{model} cannot be read as a classifier: {error}", f"Give another with {HERE}.model, or train one"
        ) from error


def about(num_good: int, num_bad: int, accuracy: float, weights: dict[str, float]) -> str:
    """The classifier's page in markdown."""
    rows = "\n".join(f"| {word} | {weight:+.2f} |" for word, weight in weights.items())
    return (
        f"Trained on {num_good:,} good and {num_bad:,} bad examples. Trained on four fifths of them, it told "
        f"{accuracy:.1%} of the rest apart.\n\n"
        "Words that speak most for a good text, and last those that speak against it:\n\n"
        f"| word | weight |\n|---|---:|\n{rows}\n"
    )
