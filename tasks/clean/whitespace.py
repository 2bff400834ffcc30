"""White space and invisible characters of a text.

The result has mojibake repaired, NFC, plain spaces, no invisible characters, one blank line between paragraphs.

Invisible are: control characters; soft hyphen, zero-width space, word joiner and byte order mark, which only say where
a line may break; marks of writing direction; invisible operators of formulas; anchors of annotations, the place of an
object, tags; lone surrogates and non-characters. What decides how its neighbours look stays: variation selectors; the
tags of a flag; zero-width joiners and non-joiners, with which Persian, Indic scripts and emoji are spelled, except at
the edge of a word of another script.
"""

import re
import unicodedata

from tasks.clean.mojibake import repair_mojibake

INVISIBLE_CLASS = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffc\ud800-\udfff\ufffe\uffff\U000e0001"
)
INVISIBLE = re.compile(f"[{INVISIBLE_CLASS}\U000e0020-\U000e007f]")
# the flags of England, Scotland and Wales are a black flag and tags
FLAG = "\U0001f3f4"
INVISIBLE_BESIDE_FLAGS = re.compile(f"[{INVISIBLE_CLASS}]|(?<![{FLAG}\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+")
# between white space, or an end of the text, and a character of a script that is written without joiners
STRAY_JOINER = re.compile(
    "(?<![\u0600-\u109f\u1700-\u18af\u1980-\u1cff\ua800-\uabff\ufb50-\ufefc\U00010a00-\U00011fff])"
    "(?:(?<!\\S)[\u200c\u200d]+|[\u200c\u200d]+(?!\\S))"
)
LINE_END = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")  # beside \n and \r\n
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
    text = BLANK_START.sub("", LINE_END.sub("\n", text.replace("\r\n", "\n"))).rstrip() if keep_tabs else text.strip()
    # most texts are tidy already, and skip the loop below
    is_ragged = " \n" in text or "\n\n\n" in text or DOUBLE_SPACE.search(text)
    # U+FFFC is the one invisible character that Python prints
    is_printable = "\ufffc" not in text and text.replace("\n", "").isprintable()
    if is_printable and not is_ragged:
        return unicodedata.normalize("NFC", text)
    if not is_printable:
        text = LINE_END.sub("\n", text.replace("\r\n", "\n"))
        text = (INVISIBLE_BESIDE_FLAGS if FLAG in text else INVISIBLE).sub("", text)
        if "\u200c" in text or "\u200d" in text:
            text = STRAY_JOINER.sub("", text)
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
