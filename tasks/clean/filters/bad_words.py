"""Words that are not wanted."""

from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, share
from tasks.clean.filters._lists import digest_of, lines_of

SETTING = "clean.filters.bad_words.path"


class BadWords(AtMost):
    """Drop documents with words or phrases of your list.

    Source: C4, JMLR 21(140), 2.2, removed "any page that contained any word on the 'List of Dirty, Naughty, Obscene or
    Otherwise Bad Words'"; Textmill brings no list. Whole words count, in any case; in scripts without spaces also those
    inside longer words, as in C4's code. The score is a share of the document's words, so that one quotation need not
    cost a book.
    """

    late: ClassVar[bool] = True

    enabled: bool = False
    """whether this rule may drop documents"""
    path: str = Field("", description="a file, or a folder of files, with a word or phrase a line; # begins a comment")
    most: float = Field(0.0, ge=0, le=1, description="greatest share of words that the list holds")

    def semantic(self) -> dict[str, Any]:
        """What the list holds, and not where it lies."""
        return {**super().semantic(), "path": digest_of(self.path, SETTING) if self.enabled else ""}

    def score(self) -> pl.Expr:
        from tasks.clean.measures.phrases import hits  # noqa: PLC0415 - numba takes a second, and `plan` measures nothing

        phrases = lines_of(self.path, SETTING) if self.enabled else []
        found = pl.col("text").map_batches(lambda texts: hits(texts, phrases), return_dtype=pl.Int64)
        return share(found, pl.col("text").str.count_matches(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|\w+"))
