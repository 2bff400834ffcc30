"""Tables of HTML: how elements break text, and the words by which pages name their parts.

The tables are arguments of the compiled loops, never globals: numba keeps compiled code by the file of the loop and
would not notice a change in this one. For the same reason the numbers of kinds, roles and hints must not change.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.runtime.hashing import FNV_BASIS, FNV_PRIME

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

# Hints, as bits of a uint32: what an element's attributes tell about it. From words of `class`, `id`, `role` and
# `itemprop` (the first five), from its style, and from whether it has an address.
CHROME, DISCUSSION, POST_DATA, BODY, HIDDEN, LINKED = 1, 2, 4, 8, 16, 32
# The line numbers of code; the mark behind a heading that links to it; a drawing of a formula, which is text only where
# nothing else says the formula; what holds TeX; a formula on a line of its own.
GUTTER, PERMALINK, DRAWING, TEX, DISPLAYED = 64, 128, 256, 512, 1024
# The class of an image says that it shows a formula; `aria-hidden`: for the eye only.
PICTURED, FOR_EYES = 65536, 131072
# Of ordered lists: counted downwards; numbered by letters or Roman numerals; in capitals. Of a dialogue: it is open.
REVERSED, LETTERS, ROMAN, CAPITALS, OPENED = 2048, 4096, 8192, 16384, 32768
WORDS = {
    CHROME: """nav navbar navigation navi navheader navfooter menu menus menubar submenu breadcrumb breadcrumbs crumbs
        sidebar sidebars sidecolumn rail footer foot masthead banner complementary contentinfo toolbar tooltip skip
        skiplink share sharing shares sharebar sharetools socialshare sharedaddy social socials socialmedia follow
        followus related relatedposts relatedlinks recommended recommendations recommendation readmore morelinks
        outbrain taboola trending popular mostread mostpopular teaser teasers promo promos promotion promoted advert
        adverts advertisement advertising ads adsense sponsor sponsored sponsors newsletter newsletters subscribe
        subscription signup login signin register cookie cookies consent gdpr modal popup overlay lightbox paywall
        pagination pager paging alert widget widgets copyright disclaimer legal feedback rating ratings print printonly
        noprint carousel slideshow gallery donate donation searchbox""",
    DISCUSSION: "comment comments commentlist disqus discussion respond replies reply livefyre",
    POST_DATA: """byline author authors authorbio bio dateline date datetime timestamp published pubdate meta
        metadata postmeta entrymeta tags taglist tagcloud categories credit credits""",
    BODY: "articlebody articletext articlecontent storybody storytext entrycontent postcontent postbody",
    HIDDEN: "hidden visuallyhidden",
}
# Names as a whole, whatever signs stand between their parts.
NAMES = {
    GUTTER: """gutter lineno linenos linenr linenum linenumber linenumbers linenodiv line-number line-numbers line-no
        lnt rouge-gutter blob-num hljs-ln-numbers hljs-ln-n code-line-number react-syntax-highlighter-line-number""",
    PERMALINK: """headerlink header-link header-anchor heading-anchor heading-link hash-link anchor-link anchorjs-link
        permalink section-link""",
    DRAWING: """katex-html mathjax mathjax-display mathjax-preview mathjax-svg mathjax-svg-display mathjax-chtml
        mjx-chtml""",
    PICTURED: "tex latex math math-image mimetex mwe-math-fallback-image-inline mwe-math-fallback-image-display",
}
BEGINS_NAME = 262144  # of a word that a name begins with
UNSEEN = HIDDEN | GUTTER | PERMALINK | DRAWING | FOR_EYES  # what may take an element out of the text
NAME_HINTS = GUTTER | PERMALINK | DRAWING | PICTURED | BEGINS_NAME

# Attributes that the lexer reads.
(NAMING, STYLE, HREF, HIDES, ARIA, ALT, NUMBER, REVERSES, TYPE, ENCODING, DISPLAY, LINE_NUMBER, OPEN) = range(1, 14)
ATTRIBUTES = {
    **dict.fromkeys(("class", "id", "role", "itemprop"), NAMING),
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


def hash_word(word: bytes) -> int:
    """Return the FNV-1a hash of 64 bits that the lexer computes."""
    value = FNV_BASIS
    for byte in word:
        value = (value ^ byte) * FNV_PRIME % 2**64
    return value


def build_hash_table(values: dict[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Build a table with open addressing, at most a quarter full: keys (0 is free) and values."""
    size = 1 << (4 * len(values) - 1).bit_length()
    keys, slots = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint32)
    for word, value in values.items():
        key = hash_word(word.encode())
        slot = key % size
        while keys[slot]:
            slot = (slot + 1) % size
        keys[slot], slots[slot] = key, value
    return keys, slots


def _collect_hints() -> dict[str, int]:
    """Return the hints of each word, of each name without its signs, and of the first word of each name."""
    hints = {word: hint for hint, words in WORDS.items() for word in words.split()}
    for hint, names in NAMES.items():
        for name in names.split():
            for key, bits in ((name.replace("-", ""), hint), (name.partition("-")[0], BEGINS_NAME)):
                hints[key] = hints.get(key, 0) | bits
    return hints


# Codes number the tags of KINDS from 1; 0 is a comment, or a tag that is not listed. They fit uint8.
KIND_BY_CODE = np.array([0, *KINDS.values()], dtype=np.uint8)
ROLE_BY_CODE = np.array([0, *(ROLES.get(name, 0) for name in KINDS)], dtype=np.uint8)
# (codes by hashed tag name, kinds by code, roles by code, hints by hashed word, attributes by hashed name)
TABLES = (
    build_hash_table({name: code for code, name in enumerate(KINDS, start=1)}),
    KIND_BY_CODE,
    ROLE_BY_CODE,
    build_hash_table(_collect_hints()),
    build_hash_table(ATTRIBUTES),
)
