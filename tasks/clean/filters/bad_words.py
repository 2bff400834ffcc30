"""A list of unwanted words and phrases, given by the user."""

from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.clean.filters import AtMost, compute_ratio
from tasks.clean.filters._lists import digest_files, read_entries

SETTING = "clean.filters.bad_words.path"


class BadWords(AtMost):
    """Drop documents with words or phrases of your list.

    Source: C4, JMLR 21(140), 2.2, removed "any page that contained any word on the 'List of Dirty, Naughty, Obscene or
    Otherwise Bad Words'"; Textmill brings no list. Whole words count, in any case; in scripts without spaces also those
    inside longer words, as in C4's code. The score is a fraction of the document's words, so that a book need not be
    dropped for one quotation.
    """

    scored_in_clean: ClassVar[bool] = True

    enabled: bool = False
    """whether this rule may drop documents"""
    path: str = Field("", description="a file, or a folder of files, with a word or phrase a line; # begins a comment")
    max: float = Field(0.0, ge=0, le=1, description="greatest fraction of words that are on the list, 0 to 1")

    def semantic(self) -> dict[str, Any]:
        """Return the settings with a digest of the list's content in place of its path."""
        return {**super().semantic(), "path": digest_files(self.path, SETTING) if self.enabled else ""}

    def score(self) -> pl.Expr:
        from tasks.clean.measures.phrases import count_phrases  # noqa: PLC0415 - numba takes a second, and `plan` measures nothing

        phrases = read_entries(self.path, SETTING) if self.enabled else []
        hits = pl.col("text").map_batches(lambda texts: count_phrases(texts, phrases), return_dtype=pl.Int64)
        return compute_ratio(hits, pl.col("text").str.count_matches(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|\w+"))
