"""Text as a model should read it.

Mojibake repaired, NFC, plain spaces, no invisible characters, one blank line between paragraphs.
"""

import re
import unicodedata

from tasks.clean.mojibake import repaired

# Control characters, soft hyphen, zero-width space, word joiner, byte order mark, lone surrogates, non-characters.
# Zero-width joiners stay: Persian, Indic scripts and emoji are spelled with them.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ud800-\udfff\ufffe\uffff]")
LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
DEEPEST_INDENTATION = 40
SPACES = re.compile(r"  (?<=\S  )")  # two in a row that are no indentation; so written, it is searched as a literal


def tidy(text: str) -> str:
    """Clean the text of a page line by line, in linear time whatever it holds.

    Runs of white space of any kind (non-breaking, full-width, tabs) become one space. Indentation stays, because code
    and nested lists are read by it, unless it holds a tab, which is how table cells come out, or a full-width space,
    which begins a Chinese paragraph.
    """
    text = repaired(text).strip()
    is_ragged = " \n" in text or "\n\n\n" in text or SPACES.search(text)
    if not is_ragged and text.replace("\n", "").isprintable():
        return unicodedata.normalize("NFC", text)
    text = INVISIBLE.sub("", LINE_ENDS.sub("\n", text))
    lines: list[str] = []
    for line in text.split("\n"):
        words = line.split()
        if words:
            lines.append(_indentation(line) + " ".join(words))
        elif lines and lines[-1]:
            lines.append("")
    return unicodedata.normalize("NFC", "\n".join(lines).strip())


def one_line(text: str) -> str:
    """For titles."""
    return " ".join(tidy(text).split())


def _indentation(line: str) -> str:
    blank = line[: len(line) - len(line.lstrip())]
    return "" if "\t" in blank or "\u3000" in blank else " " * min(len(blank), DEEPEST_INDENTATION)
