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
DOUBLE_SPACE = re.compile(r"  (?<=\S  )")  # not in indentation; written so that `re` searches for the two spaces first


def tidy_text(text: str) -> str:
    """Clean the text of a page line by line, in linear time for any input.

    Runs of white space of any kind (non-breaking, full-width, tabs) become one space. Indentation is kept, because
    code and nested lists need it, unless it has a tab, which is how table cells come out, or a full-width space,
    which begins a Chinese paragraph.
    """
    text = repair_mojibake(text).strip()
    # most texts are tidy already, and skip the loop below
    is_ragged = " \n" in text or "\n\n\n" in text or DOUBLE_SPACE.search(text)
    if not is_ragged and text.replace("\n", "").isprintable():
        return unicodedata.normalize("NFC", text)
    text = INVISIBLE.sub("", LINE_ENDS.sub("\n", text))
    lines: list[str] = []
    for line in text.split("\n"):
        words = line.split()
        if words:
            lines.append(_keep_indentation(line) + " ".join(words))
        elif lines and lines[-1]:
            lines.append("")
    return unicodedata.normalize("NFC", "\n".join(lines).strip())


def to_one_line(text: str) -> str:
    """Tidy a title and join its lines."""
    return " ".join(tidy_text(text).split())


def _keep_indentation(line: str) -> str:
    """Return the indentation that a line keeps, in plain spaces."""
    blank = line[: len(line) - len(line.lstrip())]
    return "" if "\t" in blank or "\u3000" in blank else " " * min(len(blank), MAX_INDENTATION)
