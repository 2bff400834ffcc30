"""Text that was decoded with the wrong encoding before it was put on the page: `cafÃ©`, `donâ€™t`, `Ð¿Ð¾Ñ€Ñ‚`."""

import re

# UTF-8 read as Windows-1252 or Latin-1: the character of a lead byte, then as many characters of continuation bytes as
# it asks for. Hardly any text has these side by side, so the repair, which costs a hundred times as much as the test,
# runs on the few lines that may need it; ftfy then decides.
_CONTINUATION = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ ]"
SUSPECT = re.compile(f"[\xc2-\xdf]{_CONTINUATION}|[\xe0-\xef]{_CONTINUATION}{{2}}|\xf0{_CONTINUATION}{{3}}")
# without the space, which follows such a letter at the end of many French words
QUICK_TEST = re.compile(f"[\xc2-\xf0]{_CONTINUATION[:-2]}]")


def repair_mojibake(text: str) -> str:
    """Decode the garbled lines of a text again, where ftfy finds that this makes sense."""
    if text.isascii() or not QUICK_TEST.search(text):
        return text
    from ftfy import fix_encoding  # noqa: PLC0415 - most pages never need it

    return "\n".join(fix_encoding(line) if SUSPECT.search(line) else line for line in text.split("\n"))
