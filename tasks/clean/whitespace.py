"""White space and invisible characters of a text.

The result has mojibake repaired, NFC, plain spaces, no invisible characters, one blank line between paragraphs.
"""

import re
import unicodedata

from tasks.clean.mojibake import repair_mojibake

# Control characters, soft hyphen, zero-width space, word joiner, byte order mark, lone surrogates, non-characters.
# Zero-width joiners are kept: Persian, Indic scripts and emoji are spelled with them.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ud800-\udfff\ufffe\uffff]")
LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
MAX_INDENTATION = 40
TAB_SIZE = 4
BLANK_START = re.compile(r"\A(?:[^\S\n]*+\n)++")
DOUBLE_SPACE = re.compile(r"  (?<=\S  )")  # not in indentation; written so that `re` searches for the two spaces first


def tidy_text(text: str, *, keep_tabs: bool = False) -> str:
    """Clean the text of a page line by line, in linear time for any input.

    Runs of white space of any kind (non-breaking, full-width, tabs) become one space. Indentation is kept, because
    code and nested lists need it, unless it has a full-width space, which begins a Chinese paragraph, or a tab, which
    is how table cells come out of HTML. In plain text tabs are indentation: `keep_tabs` makes them TAB_SIZE spaces,
    and keeps the indentation of the first line too.
    """
    text = repair_mojibake(text)
    text = BLANK_START.sub("", LINE_ENDS.sub("\n", text)).rstrip() if keep_tabs else text.strip()
    # most texts are tidy already, and skip the loop below
    is_ragged = " \n" in text or "\n\n\n" in text or DOUBLE_SPACE.search(text)
    if not is_ragged and text.replace("\n", "").isprintable():
        return unicodedata.normalize("NFC", text)
    text = INVISIBLE.sub("", LINE_ENDS.sub("\n", text))
    lines: list[str] = []
    for line in text.split("\n"):
        words = line.split()
        if words:
            lines.append(_keep_indentation(line, keep_tabs=keep_tabs) + " ".join(words))
        elif lines and lines[-1]:
            lines.append("")
    tidied = "\n".join(lines)
    return unicodedata.normalize("NFC", tidied.rstrip() if keep_tabs else tidied.strip())


def to_one_line(text: str) -> str:
    """Tidy a title and join its lines."""
    return " ".join(tidy_text(text).split())


def _keep_indentation(line: str, *, keep_tabs: bool) -> str:
    """Return the indentation that a line keeps, in plain spaces."""
    blank = line[: len(line) - len(line.lstrip())]
    if "\u3000" in blank or ("\t" in blank and not keep_tabs):
        return ""
    # cut first: a tab stands for up to four spaces, and there may be millions of them
    return " " * min(len(blank[:MAX_INDENTATION].expandtabs(TAB_SIZE)), MAX_INDENTATION)
