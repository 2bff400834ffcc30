"""The licence that a page declares for itself: by a link, or in words."""

import re

from resiliparse.parse.html import HTMLTree

CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(licenses|publicdomain)/([a-z]+(?:-[a-z]+){0,3})(?:/(\d\.\d))?", re.IGNORECASE
)
LINKED = re.compile(r"""rel\s*=\s*["']?[^"'<>]{0,80}license|creativecommons\.org/""")
PUBLIC_DOMAIN = {"zero": "CC0", "mark": "PDM"}
# "This page is licensed under the", and what follows up to the end of the sentence; tags may stand between the words.
STATEMENT = re.compile(
    r"\b(?:licen[sc]ed|available|distributed|released|published|provided)\s+under\b(?=(.{0,400}))",
    re.IGNORECASE | re.DOTALL,
)
TAG = re.compile(r"<[^>]{0,300}>")
VERSION = r"(?:[\s,]*(?:version|v\.?)?\s*(\d(?:\.\d)?))?"
# SPDX names (spdx.org/licenses) and how pages spell them. What is not a licence of texts is told apart, so that a page
# about a program does not pass for one without a licence.
SPELLINGS = {
    "CC0": rf"CC0|Creative Commons Zero{VERSION}",
    "CC": r"(?:CC|Creative Commons)[\s-]+(BY|Attribution)((?:[\s-]+(?:NC|NonCommercial|Non-Commercial|ND|NoDerivatives|"
    rf"NoDerivs|SA|ShareAlike|Share-Alike))*)(?:\s+(?:Unported|International|Generic))?(?:\s+Licen[sc]e)?{VERSION}",
    "GFDL": rf"(?:GNU\s+Free\s+Documentation\s+Licen[sc]e|GFDL){VERSION}",
    "Apache": rf"Apache(?:\s+Software)?\s+Licen[sc]e{VERSION}",
    "MIT": r"MIT\s+Licen[sc]e()",
    "GPL": rf"(?:GNU\s+General\s+Public\s+Licen[sc]e|GPL){VERSION}",
}
NAMED = {name: re.compile(spelling, re.IGNORECASE) for name, spelling in SPELLINGS.items()}
PARTS = {"nc": "NC", "noncommercial": "NC", "nd": "ND", "noderivatives": "ND", "noderivs": "ND",
         "sa": "SA", "sharealike": "SA"}  # fmt: skip


def may_declare(source: str) -> bool:
    """Whether a page is worth the search: most show at a glance that they name no licence."""
    return "icen" in source and bool(LINKED.search(source) or STATEMENT.search(source))


def license_of(tree: HTMLTree | None, html: str) -> str | None:
    """An SPDX-like name (`CC-BY-SA-4.0`) or the address of the licence; None when the page names none or several.

    `rel=license` (HTML standard, 4.6.7.10) counts first; then links to Creative Commons; then sentences that say under
    which licence the page is available. Each only if all that it finds means one licence.
    """
    for names in (*linked(tree), stated(html)):
        if names:
            return names.pop() if len(names) == 1 else None
    return None


def linked(tree: HTMLTree | None) -> list[set[str]]:
    """What links name: those that say they are licences, and those to Creative Commons."""
    if tree is None or tree.document is None:
        return []
    selections = ("[rel~=license]", "a[href*='creativecommons.org/']")
    return [
        {name for link in tree.document.query_selector_all(each) if (name := _named(link.getattr("href", "") or ""))}
        for each in selections
    ]


def stated(html: str) -> set[str]:
    """What sentences such as "licensed under the Creative Commons Attribution 4.0 License" name."""
    names: set[str] = set()
    for statement in STATEMENT.finditer(html):
        words = " ".join(TAG.sub(" ", statement[1]).partition(". ")[0].split())
        found = [(match.start(), name, match) for name, form in NAMED.items() if (match := form.search(words))]
        if found:
            _, name, match = min(found, key=lambda each: each[0])
            names.add(_spelled(name, match))
    return names


def _spelled(name: str, match: re.Match[str]) -> str:
    version = match[match.re.groups] or ""
    if name == "CC":
        words = re.sub(r"[\s-]+", " ", match[2].lower().replace("non-c", "nonc").replace("share-a", "sharea")).split()
        name = "-".join(["CC-BY", *dict.fromkeys(PARTS[word] for word in words)])
    if version and "." not in version:
        version += ".0"
    return f"{name}-{version}" if version else name


def _named(href: str) -> str | None:
    found = CREATIVE_COMMONS.search(href)
    if found:
        family, kind, version = found[1].lower(), found[2].lower(), found[3]
        name = PUBLIC_DOMAIN.get(kind, kind.upper()) if family == "publicdomain" else f"CC-{kind.upper()}"
        return f"{name}-{version}" if version else name
    return href if href.startswith(("https://", "http://")) and "creativecommons.org" not in href else None
