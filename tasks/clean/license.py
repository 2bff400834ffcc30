"""The licence that a page declares for itself."""

import re

from resiliparse.parse.html import HTMLTree

CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/(licenses|publicdomain)/([a-z]+(?:-[a-z]+){0,3})(?:/(\d\.\d))?", re.IGNORECASE
)
PUBLIC_DOMAIN = {"zero": "CC0", "mark": "PDM"}


def license_of(tree: HTMLTree, html: str) -> str | None:
    """An SPDX-like name (`CC-BY-SA-4.0`) or the address of the licence; None when the page names none or several.

    `rel=license` (HTML standard, 4.6.7.10) counts first; else links to Creative Commons, if all mean one licence.
    """
    if (
        "license" not in html or tree.document is None
    ):  # spares most pages the queries; addresses of Creative Commons hold the word too
        return None
    for selector in ("[rel~=license]", "a[href*='creativecommons.org/']"):
        links = tree.document.query_selector_all(selector)
        names = {name for link in links if (name := _named(link.getattr("href", "") or ""))}
        if names:
            return names.pop() if len(names) == 1 else None
    return None


def _named(href: str) -> str | None:
    found = CREATIVE_COMMONS.search(href)
    if found:
        family, kind, version = found[1].lower(), found[2].lower(), found[3]
        name = PUBLIC_DOMAIN.get(kind, kind.upper()) if family == "publicdomain" else f"CC-{kind.upper()}"
        return f"{name}-{version}" if version else name
    return href if href.startswith(("https://", "http://")) and "creativecommons.org" not in href else None
