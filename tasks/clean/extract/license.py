"""The licence that a page declares for itself, by a link or in a sentence."""

import re

from resiliparse.parse.html import HTMLTree

CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(licenses|publicdomain)/([a-z]+(?:-[a-z]+){0,3})(?:/(\d\.\d))?", re.IGNORECASE
)
LICENSE_LINK = re.compile(r"""rel\s*=\s*["']?[^"'<>]{0,80}license|creativecommons\.org/""")
PUBLIC_DOMAIN = {"zero": "CC0", "mark": "PDM"}
# "This page is licensed under the", and what follows it; tags may be between the words.
STATEMENT = re.compile(
    r"\b(?:licen[sc]ed|available|distributed|released|published|provided)\s+under\b(?=(.{0,400}))",
    re.IGNORECASE | re.DOTALL,
)
TAG = re.compile(r"<[^>]{0,300}>")
VERSION = r"(?:[\s,]*(?:version|v\.?)?\s*(\d(?:\.\d)?))?"
# SPDX names (spdx.org/licenses) and how pages spell them. Licences of software are among them, so that a page about a
# program is not taken for one without a licence.
SPELLINGS = {
    "CC0": rf"CC0|Creative Commons Zero{VERSION}",
    "CC": r"(?:CC|Creative Commons)[\s-]+(BY|Attribution)((?:[\s-]+(?:NC|NonCommercial|Non-Commercial|ND|NoDerivatives|"
    rf"NoDerivs|SA|ShareAlike|Share-Alike))*)(?:\s+(?:Unported|International|Generic))?(?:\s+Licen[sc]e)?{VERSION}",
    "GFDL": rf"(?:GNU\s+Free\s+Documentation\s+Licen[sc]e|GFDL){VERSION}",
    "Apache": rf"Apache(?:\s+Software)?\s+Licen[sc]e{VERSION}",
    "MIT": r"MIT\s+Licen[sc]e()",
    "GPL": rf"(?:GNU\s+General\s+Public\s+Licen[sc]e|GPL){VERSION}",
}
LICENSE_PATTERNS = {name: re.compile(spelling, re.IGNORECASE) for name, spelling in SPELLINGS.items()}
CC_ELEMENTS = {"nc": "NC", "noncommercial": "NC", "nd": "ND", "noderivatives": "ND", "noderivs": "ND",
         "sa": "SA", "sharealike": "SA"}  # fmt: skip


def may_declare_license(source: str) -> bool:
    """Return whether a page may declare a licence: a quick test that spares most pages the search."""
    return "icen" in source and bool(LICENSE_LINK.search(source) or STATEMENT.search(source))


def detect_license(tree: HTMLTree | None, html: str) -> str | None:
    """Return an SPDX-like name (`CC-BY-SA-4.0`) or the licence's address; None when the page declares none or several.

    `rel=license` (HTML standard, 4.6.7.10) counts first; then links to Creative Commons; then sentences that name a
    licence. The first of these that finds anything decides, and only when all it finds means one licence.
    """
    for names in (*find_linked_licenses(tree), find_stated_licenses(html)):
        if names:
            return names.pop() if len(names) == 1 else None
    return None


def find_linked_licenses(tree: HTMLTree | None) -> list[set[str]]:
    """Return the licences that links name: those with rel=license, and those to Creative Commons."""
    if tree is None or tree.document is None:
        return []
    selectors = ("[rel~=license]", "a[href*='creativecommons.org/']")
    return [
        {
            name
            for link in tree.document.query_selector_all(selector)
            if (name := _name_linked_license(link.getattr("href", "") or ""))
        }
        for selector in selectors
    ]


def find_stated_licenses(html: str) -> set[str]:
    """Return the licences of sentences such as "licensed under the Creative Commons Attribution 4.0 License"."""
    names: set[str] = set()
    for statement in STATEMENT.finditer(html):
        words = " ".join(TAG.sub(" ", statement[1]).partition(". ")[0].split())
        matches = [
            (match.start(), name, match)
            for name, pattern in LICENSE_PATTERNS.items()
            if (match := pattern.search(words))
        ]
        if matches:
            _, name, match = min(matches, key=lambda item: item[0])
            names.add(_name_stated_license(name, match))
    return names


def _name_stated_license(name: str, match: re.Match[str]) -> str:
    """Return the SPDX-like name of a spelled licence, with its version."""
    version = match[match.re.groups] or ""
    if name == "CC":
        words = re.sub(r"[\s-]+", " ", match[2].lower().replace("non-c", "nonc").replace("share-a", "sharea")).split()
        name = "-".join(["CC-BY", *dict.fromkeys(CC_ELEMENTS[word] for word in words)])
    if version and "." not in version:
        version += ".0"
    return f"{name}-{version}" if version else name


def _name_linked_license(href: str) -> str | None:
    """Return the name of a Creative Commons licence or the address of another one."""
    match = CREATIVE_COMMONS.search(href)
    if match:
        family, kind, version = match[1].lower(), match[2].lower(), match[3]
        name = PUBLIC_DOMAIN.get(kind, kind.upper()) if family == "publicdomain" else f"CC-{kind.upper()}"
        return f"{name}-{version}" if version else name
    return href if href.startswith(("https://", "http://")) and "creativecommons.org" not in href else None
