"""Run one filter over texts."""

import polars as pl

from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.filters._scores import add_scores


def make_documents(texts: list[str], language: str = "en", confidence: float = 0.9) -> pl.DataFrame:
    """Return extracted documents, equal but for their texts."""
    return pl.DataFrame(
        {
            "text": texts,
            "title": "t",
            "url": "http://a/",
            "language": language,
            "language_score": confidence,
            "license": None,
        },
        schema_overrides={"language_score": pl.Float32, "text": pl.String, "license": pl.String},
    ).with_columns(languages=pl.concat_list("language"))


def keep_texts(block: Filter, *texts: str, language: str = "en", confidence: float = 0.9) -> list[bool]:
    """Return for each text whether the filter keeps it."""
    scored = add_scores(make_documents(list(texts), language, confidence), {"it": block})
    return scored.select(block.keeps(pl.col(SCORE_PREFIX + "it")).alias("kept"))["kept"].to_list()


def score_texts(block: Filter, *texts: str, language: str = "en") -> list[float]:
    """Return the filter's score of each text."""
    return add_scores(make_documents(list(texts), language), {"it": block})[SCORE_PREFIX + "it"].to_list()
