"""Text that was decoded with the wrong encoding before it was put on the page: `cafÃ©`, `donâ€™t`, `Ð¿Ð¾Ñ€Ñ‚`."""

import re

# What UTF-8 looks like when it is read as Windows-1252 or Latin-1: a lead byte's sign, then as many signs of
# continuation bytes as it asks for. Hardly any writing has these next to each other, so the repair, which costs a
# hundred times as much as the test, meets the few lines that may need it; ftfy then decides.
_NEXT = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ ]"
SUSPECT = re.compile(f"[\xc2-\xdf]{_NEXT}|[\xe0-\xef]{_NEXT}{{2}}|\xf0{_NEXT}{{3}}")
GLANCE = re.compile(f"[\xc2-\xf0]{_NEXT[:-2]}]")  # without the space, which ends many a French word


def repaired(text: str) -> str:
    """The text with such lines decoded again, where ftfy sees that they make sense then."""
    if text.isascii() or not GLANCE.search(text):
        return text
    from ftfy import fix_encoding  # noqa: PLC0415 - most pages never need it

    return "\n".join(fix_encoding(line) if SUSPECT.search(line) else line for line in text.split("\n"))
