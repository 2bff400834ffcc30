"""Words of texts that are compared; in scripts without spaces each character is a word."""

import re

CHARACTER_WORD = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e01-\u0e5b\u0e81-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
"""A letter of Chinese, Japanese, Thai, Lao, Myanmar or Khmer"""
WORD = re.compile(rf"{CHARACTER_WORD.pattern}|(?:(?!{CHARACTER_WORD.pattern})[^\W_])+")


def split_words(text: str) -> list[str]:
    """Return runs of letters and digits in lower case; for ASCII text these are ROUGE's words."""
    return WORD.findall(text.lower())
