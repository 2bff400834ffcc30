"""Several languages in one document."""

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost


class MixedLanguages(AtMost):
    """Drop documents in several languages.

    Source: Textmill's own. The column `languages` names every language that a window of the text is clearly written
    in. A page in two languages may be what is wanted (a phrase book, a translated manual), so the rule is off.
    """

    enabled: bool = False
    """whether this rule may drop documents"""
    max: float = Field(1, ge=1, description="greatest number of languages in a document")

    def score(self) -> pl.Expr:
        return pl.col("languages").list.len()
