"""Run one filter over texts."""

import polars as pl

from tasks.clean.filters import SCORE, Filter
from tasks.clean.filters._scores import with_scores


def documents(texts: list[str], language: str = "en", certainty: float = 0.9) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "text": texts,
            "title": "t",
            "url": "http://a/",
            "language": language,
            "language_score": certainty,
            "license": None,
        },
        schema_overrides={"language_score": pl.Float32, "text": pl.String, "license": pl.String},
    ).with_columns(languages=pl.concat_list("language"))


def judged(block: Filter, *texts: str, language: str = "en", certainty: float = 0.9) -> list[bool]:
    """Which of the texts stay."""
    scored = with_scores(documents(list(texts), language, certainty), {"it": block})
    return scored.select(block.keeps(pl.col(SCORE + "it")).alias("stays"))["stays"].to_list()


def scores(block: Filter, *texts: str, language: str = "en") -> list[float]:
    return with_scores(documents(list(texts), language), {"it": block})[SCORE + "it"].to_list()
