"""What a page says to a crawler: its links, where it moved, what its right address is, whether it may be kept."""

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urljoin

from parsel import Selector

from tasks.crawl.web.directives import RobotsDirectives, parse_directives
from tasks.crawl.web.parameters import Parameters
from tasks.crawl.web.traps import TOO_LONG, Traps
from tasks.crawl.web.urls import normalise_url

NO_FOLLOW, TOO_MANY_LINKS = "links with rel=nofollow", "links beyond the limit of a page"
LOWER_CASE = "translate({}, 'ACEFHINLORSTBUW', 'acefhinlorstbuw')"  # XPath 1.0 knows no lower-case()
REL = f"concat(' ', normalize-space({LOWER_CASE.format('@rel')}), ' ')"
FOLLOWED_LINKS = (
    f"//a[@href][not(contains({REL}, ' nofollow '))]/@href"
    " | //area/@href | //frame/@src | //iframe/@src | //link[@rel='next' or @rel='prev']/@href"
)
NUM_UNFOLLOWED_LINKS = f"count(//a[@href][contains({REL}, ' nofollow ')])"
CANONICAL_LINKS = f"//link[contains({REL}, ' canonical ')]/@href"
# What stands in <noscript> is for readers without scripts, who are often sent to a page that says so.
REFRESH_CONTENTS = f"//meta[{LOWER_CASE.format('@http-equiv')}='refresh'][not(ancestor::noscript)]/@content"
WAIT_AND_URL = re.compile(r"\s*(\d+(?:\.\d*)?)\s*[;,]?\s*(?:url\s*=)?\s*['\"]?\s*([^'\"]*)", re.IGNORECASE)
LINK_HEADER = re.compile(r"<([^>]*)>[^,<]*;\s*rel\s*=\s*\"?canonical\b", re.IGNORECASE)


@dataclass(frozen=True)
class MarkupRules:
    """By which settings a page is read. `agent` is the product name, in lower case."""

    agent: str = ""
    parameters: Parameters = field(default_factory=Parameters)
    traps: Traps = field(default_factory=Traps)


@dataclass(frozen=True)
class PageMarkup:
    """What a page says. `noted` counts the links that were left out or rewritten, by rule."""

    links: list[str]
    noted: Counter[str]
    asks: RobotsDirectives
    canonical: str | None = None
    refresh: str | None = None


HeaderValues = dict[str, list[str]]  # by lower-case name


def parse_page(html: str, url: str, headers: HeaderValues, rules: MarkupRules, encoding: str = "utf-8") -> PageMarkup:
    """Read a page of that URL. The encoding is the page's own: browsers write its query parameters in it."""
    page = Selector(html if "<" in html else "<p>", type="html")
    base = urljoin(url, page.xpath("string(//base/@href)").get(default="").strip())
    metas = [(meta.attrib.get("name", ""), meta.attrib.get("content", "")) for meta in page.xpath("//meta[@name]")]
    asks = parse_directives(headers.get("x-robots-tag", []), metas, rules.agent)
    noted: Counter[str] = Counter()
    found = page.xpath(FOLLOWED_LINKS).getall()
    noted[TOO_MANY_LINKS] = max(0, len(found) - rules.traps.links)
    noted[NO_FOLLOW] = len(found) if asks.nofollow else int(float(page.xpath(NUM_UNFOLLOWED_LINKS).get(default="0")))
    kept = [] if asks.nofollow else found[: rules.traps.links]
    unlike = dict.fromkeys(each.partition("#")[0] for each in kept)
    links = [link for each in unlike if (link := normalise_link(each, base, rules, noted, encoding)) is not None]
    return PageMarkup(
        links=list(dict.fromkeys(links)),
        noted=+noted,
        asks=asks,
        canonical=find_canonical(page, base, url, headers, rules),
        refresh=find_refresh(page, base, url, headers, rules),
    )


def normalise_link(
    link: str, base: str, rules: MarkupRules, noted: Counter[str], encoding: str = "utf-8"
) -> str | None:
    """The one spelling of a link; None, and a note, when it is none that can be followed."""
    if len(link) > rules.traps.url_length:
        noted[TOO_LONG] += 1
        return None
    plain = normalise_url(link, base, encoding)
    if plain is None:
        return None
    stripped, applied = rules.parameters.stripped(plain)
    noted.update(applied)
    return stripped


def find_canonical(page: Selector, base: str, url: str, headers: HeaderValues, rules: MarkupRules) -> str | None:
    """The address that the page calls its right one, when that is another."""
    in_headers = [match[1] for value in headers.get("link", []) if (match := LINK_HEADER.search(value))]
    named = [*in_headers, *page.xpath(CANONICAL_LINKS).getall()]
    target = normalise_link(named[0], base, rules, Counter()) if named and rules.traps.canonical else None
    return target if target != url else None


def find_refresh(page: Selector, base: str, url: str, headers: HeaderValues, rules: MarkupRules) -> str | None:
    """Where the page goes by itself, when that is soon, and another page."""
    for value in [*headers.get("refresh", []), *page.xpath(REFRESH_CONTENTS).getall()]:
        found = WAIT_AND_URL.match(value)
        if found and found[2] and float(found[1]) <= rules.traps.refresh_seconds:
            moved = normalise_link(found[2], base, rules, Counter())
            return moved if moved != url else None
    return None
