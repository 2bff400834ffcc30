"""Words, lines and paragraphs as polars expressions that the filters share.

Polars computes an expression once however many columns use it, so every filter may name `WORDS` freely.
"""

import polars as pl

TEXT = pl.col("text").str

# Scripts written without spaces: each of their code points counts as a word, as a five-letter word does in English
# (a Chinese word is 1.5 code points long). Without this a Chinese page would be a dozen endless words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# CJK and full-width punctuation stands between words as a space does; it is no word.
PUNCTUATION = r"\u3000-\u303F\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65"

NUM_UNSPACED = TEXT.count_matches(f"[{UNSPACED}]")
NUM_WORDS = TEXT.count_matches(f"[{UNSPACED}]|[^\\s{UNSPACED}{PUNCTUATION}]+")
NUM_ALPHABETIC_WORDS = TEXT.count_matches(
    f"[{UNSPACED}]|[^\\s{UNSPACED}{PUNCTUATION}\\p{{L}}]*[\\p{{L}}--[{UNSPACED}]][^\\s{UNSPACED}{PUNCTUATION}]*"
)
NUM_CHARACTERS = TEXT.len_chars()

# Blank lines are no lines: the text has at most one of them in a row, between paragraphs.
NUM_LINES = TEXT.count_matches(r"(?m)^.*\S")
LINES = TEXT.replace_all("\n\n", "\n", literal=True).str.split("\n")
PARAGRAPHS = TEXT.split("\n\n")


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """`part` of `whole`, and 0 of nothing."""
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)


def repeated(parts: pl.Expr) -> pl.Expr:
    """The share of a list's entries that stood in it before."""
    return share(parts.list.len() - parts.list.n_unique(), parts.list.len())


def repeated_characters(parts: pl.Expr) -> pl.Expr:
    """The share of a list's characters that lie in entries that stood in it before."""
    every = parts.list.join("").str.len_chars()
    return share(every - parts.list.unique().list.join("").str.len_chars(), every)
