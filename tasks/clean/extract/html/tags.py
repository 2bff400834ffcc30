"""Tables of HTML: how elements break text, which ones are treated specially, which attributes are read.

The tables are arguments of the compiled loops, never globals: numba keeps compiled code by the file of the loop and
would not notice a change in this one. For the same reason the numbers of kinds, roles and hints must not change.
"""

import numpy as np

from tasks.clean.extract.html.hash_tables import build_hash_table
from tasks.clean.extract.html.name_words import GROUP_OF_WORD, collect_hints

# Kinds, as bits: contains elements; starts a line; is between blank lines; its content is no markup; its content is no
# text; end tags inside do not reach out of it (HTML standard, 13.2.4.2); is within a line, and an element only where
# its attributes take it out of the text.
OPENS, BLOCK, PARAGRAPH, RAW, SKIPPED, WALL, INLINE = 1, 2, 4, 8, 16, 32, 64
_DIVISION = OPENS | BLOCK
_SECTION = _DIVISION | PARAGRAPH
_KINDS = {
    "div center fieldset details summary hgroup search address tr dt dd li": _DIVISION,
    "section main article aside nav header footer form figure figcaption": _SECTION,
    "h1 h2 h3 h4 h5 h6 ul ol dl menu dir dialog blockquote p pre": _SECTION,
    "td th caption": _DIVISION | WALL,
    "table": _SECTION | WALL,
    "span label ruby rb math": OPENS,
    "br hr": BLOCK,
    "img": 0,
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr output q s samp small": INLINE,
    "strike strong sub sup time tt u var": INLINE,
    "script style textarea title iframe xmp noembed noframes": RAW,
    "noscript template svg object select button canvas audio video map": OPENS | SKIPPED,
    # the readings of ruby; what says again what a formula shows
    "rt rp rtc annotation annotation-xml": OPENS | SKIPPED,
}
KINDS = {name: kind for names, kind in _KINDS.items() for name in names.split()}

# Roles: elements that the loops treat specially. PARA is <p>.
# The role 0 is that of all other elements.
(LINK, ITEM, BULLETS, NUMBERS, TERM, TERMS, CELL, ROW, TABLE, PARA, PRE, TITLE, IMAGE, HEADING, MAIN, ASIDE, HEADER,
 CAPTION, DIALOG, READING, RUBY_BASE, MATH, ANNOTATION, SVG, SUP, SUB, SCRIPT) = range(1, 28)  # fmt: skip
_ROLES = {
    "a": LINK, "li": ITEM, "ul menu dir": BULLETS, "ol": NUMBERS, "dt dd": TERM, "dl": TERMS, "td th": CELL,
    "tr": ROW, "table": TABLE, "p": PARA, "pre": PRE, "title": TITLE, "img": IMAGE, "h1 h2 h3 h4 h5 h6": HEADING,
    "article main": MAIN, "nav aside footer": ASIDE, "header": HEADER, "caption": CAPTION,
    "dialog": DIALOG, "rt rp rtc": READING, "rb": RUBY_BASE, "math": MATH, "annotation": ANNOTATION,
    "svg": SVG, "sup": SUP, "sub": SUB, "script": SCRIPT,
}  # fmt: skip
ROLES = {name: role for names, role in _ROLES.items() for name in names.split()}

# Attributes that the lexer reads.
(NAMING, STYLE, HREF, HIDES, ARIA, ALT, NUMBER, REVERSES, TYPE, ENCODING, DISPLAY, LINE_NUMBER, OPEN,
 CLASS, ID) = range(1, 16)  # fmt: skip
ATTRIBUTES = {
    **dict.fromkeys(("role", "itemprop"), NAMING),
    "class": CLASS,
    "id": ID,
    "style": STYLE,
    "href": HREF,
    "hidden": HIDES,
    "aria-hidden": ARIA,
    "alt": ALT,
    "alttext": ALT,  # of <math>
    "start": NUMBER,
    "value": NUMBER,
    "reversed": REVERSES,
    "type": TYPE,
    "encoding": ENCODING,
    "display": DISPLAY,
    "data-line-number": LINE_NUMBER,
    "open": OPEN,
}

# Codes number the tags of KINDS from 1; 0 is a comment, or a tag that is not listed. They fit uint8.
KIND_BY_CODE = np.array([0, *KINDS.values()], dtype=np.uint8)
ROLE_BY_CODE = np.array([0, *(ROLES.get(name, 0) for name in KINDS)], dtype=np.uint8)
# (codes by hashed tag name, kinds by code, roles by code, hints by hashed word, attributes by hashed
# name, groups by hashed word)
TABLES = (
    build_hash_table({name: code for code, name in enumerate(KINDS, start=1)}),
    KIND_BY_CODE,
    ROLE_BY_CODE,
    build_hash_table(collect_hints()),
    build_hash_table(ATTRIBUTES),
    build_hash_table(GROUP_OF_WORD),
)
NOSCRIPT, SCRIPT_TAG = list(KINDS).index("noscript") + 1, list(KINDS).index("script") + 1
# for pages whose text is in <noscript>
_NOSCRIPT_KINDS = KIND_BY_CODE.copy()
_NOSCRIPT_KINDS[NOSCRIPT] = OPENS | BLOCK
NOSCRIPT_TABLES = (TABLES[0], _NOSCRIPT_KINDS, *TABLES[2:])
