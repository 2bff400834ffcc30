"""Kinds that a page declares itself to be: `og:type`, the types of schema.org in its JSON-LD; and its language."""

import re
from collections.abc import Iterable

TYPE = b'@type"'
MAX_HEAD_BYTES = 100_000
MAX_DECLARATIONS = 200
MAX_BYTES_APART = 200  # of an attribute from its tag's name, or from the other one
MAX_TYPE_BYTES = 60
MAX_LANGUAGE_BYTES = 4096
EAST_ASIAN = re.compile(rb"[\xe3-\xed][\x80-\xbf]{2}")
LANGUAGE = re.compile(rb"<html[^>]{0,500}?\blang\s*=\s*[\"']?\s*([a-z]{2})", re.IGNORECASE)
KINDS_OF_TYPES = """
    article newsarticle blogposting report reportage analysisnewsarticle
    product productgroup offer aggregateoffer
    website webpage
    discussionforumposting qapage question answer comment
    itemlist collectionpage searchresultspage offercatalog
    organization corporation localbusiness
    service professionalservice
    breadcrumblist
    faqpage
    recipe howto
    techarticle apireference softwareapplication
    person profilepage profile
    videoobject video movie musicgroup
    aggregaterating review
    blog imageobject
    event place
"""
_BIT_OF_TYPE = {
    name: 1 << number for number, line in enumerate(KINDS_OF_TYPES.strip().splitlines()) for name in line.split()
}
NUM_DECLARED_KINDS = len(KINDS_OF_TYPES.strip().splitlines())


def find_declared_kinds(page: bytes, scripts: Iterable[tuple[int, int]]) -> int:
    """Return the kinds that a page declares, as bits in the order of KINDS_OF_TYPES.

    `scripts` are the (start, stop) of its scripts with their tags.
    """
    bits = 0
    if (position := page.find(b"og:type", 0, MAX_HEAD_BYTES)) >= 0:
        tag = page[page.rfind(b"<", 0, position) + 1 : position + MAX_BYTES_APART].partition(b">")[0]
        bits |= _BIT_OF_TYPE.get(_read_word(tag, tag.find(b"content")), 0)
    num_declarations = 0
    for start, stop in scripts:
        if page.find(b"ld+json", start, min(start + MAX_BYTES_APART, stop)) < 0:
            continue
        position = page.find(TYPE, start, stop)
        while position >= 0 and num_declarations < MAX_DECLARATIONS:
            bits |= _BIT_OF_TYPE.get(_read_word(page[position : position + MAX_TYPE_BYTES], len(TYPE)), 0)
            position = page.find(TYPE, position + len(TYPE), stop)
            num_declarations += 1
    return bits


def find_declared_language(page: bytes, title: bytes) -> str:
    """Return the first two letters of the `lang` of <html>, in lower case; "zh" for a title in Chinese characters.

    The title of a translated page is translated first, and its text may still be in English. Empty where neither says
    anything.
    """
    match = LANGUAGE.search(page, 0, MAX_LANGUAGE_BYTES)
    if match:
        return match[1].decode().lower()
    return "zh" if EAST_ASIAN.search(title) else ""


def _read_word(text: bytes, start: int) -> str:
    """Return the first quoted word behind a position, in lower case."""
    if start < 0:
        return ""
    quoted = text[start:].replace(b"'", b'"').split(b'"', 2)
    return quoted[1].decode("ascii", "replace").lower() if len(quoted) > 1 else ""
