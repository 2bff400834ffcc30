"""Parse what a page tells a crawler: its links, redirects, canonical URL and directives for robots."""

import re
from collections import Counter
from dataclasses import dataclass, field

from parsel import Selector

from tasks.crawl.web.directives import RobotsDirectives, parse_directives
from tasks.crawl.web.parameters import Parameters
from tasks.crawl.web.traps import TOO_LONG, Traps
from tasks.crawl.web.urls import join_url, normalise_url

BAD_URL = "links that are no URLs"
OTHER_SCHEME = re.compile(r"\s*(?!https?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # mailto:, javascript:, data: and so on
NO_FOLLOW, TOO_MANY_LINKS = "links with rel=nofollow", "links beyond the limit of a page"
# XPath 1.0 has no lower-case(). Only the letters of the words that are looked for are translated.
LOWER_CASE = "translate({}, 'ACEFHINLORSTBUW', 'acefhinlorstbuw')"
REL = f"concat(' ', normalize-space({LOWER_CASE.format('@rel')}), ' ')"
FOLLOWED_LINKS = (
    f"//a[@href][not(contains({REL}, ' nofollow '))]/@href"
    " | //area/@href | //frame/@src | //iframe/@src | //link[@rel='next' or @rel='prev']/@href"
)
NUM_UNFOLLOWED_LINKS = f"count(//a[@href][contains({REL}, ' nofollow ')])"
CANONICAL_LINKS = f"//link[contains({REL}, ' canonical ')]/@href"
# Not those in <noscript>: they often send readers without scripts to a page that says they need them.
REFRESH_CONTENTS = f"//meta[{LOWER_CASE.format('@http-equiv')}='refresh'][not(ancestor::noscript)]/@content"
WAIT_AND_URL = re.compile(r"\s*(\d+(?:\.\d*)?)\s*[;,]?\s*(?:url\s*=)?\s*['\"]?\s*([^'\"]*)", re.IGNORECASE)
LINK_HEADER = re.compile(r"<([^>]*)>[^,<]*;\s*rel\s*=\s*\"?canonical\b", re.IGNORECASE)


@dataclass(frozen=True)
class MarkupRules:
    """Settings by which a page is parsed."""

    agent: str = ""  # the product name of the user agent, in lower case
    parameters: Parameters = field(default_factory=Parameters)
    traps: Traps = field(default_factory=Traps)


@dataclass(frozen=True)
class PageMarkup:
    """The parts of a page that matter to a crawler."""

    links: list[str]  # one spelling each, in the order of the page
    link_counts: Counter[str]  # links that were left out or rewritten, by rule
    directives: RobotsDirectives
    canonical: str | None = None
    refresh: str | None = None


HeaderValues = dict[str, list[str]]  # by lower-case name


def parse_page(html: str, url: str, headers: HeaderValues, rules: MarkupRules, encoding: str = "utf-8") -> PageMarkup:
    """Parse a page of a URL. `encoding` is the page's own: browsers encode the query parameters of its links in it."""
    page = Selector(html if "<" in html else "<p>", type="html")
    # string() of several nodes takes the first, as browsers do with <base>
    base = join_url(url, page.xpath("string(//base/@href)").get(default=""))
    if normalise_url(base) is None:
        base = url  # browsers ignore a <base> that is no URL, or none of http
    metas = [(meta.attrib.get("name", ""), meta.attrib.get("content", "")) for meta in page.xpath("//meta[@name]")]
    directives = parse_directives(headers.get("x-robots-tag", []), metas, rules.agent)
    link_counts: Counter[str] = Counter()
    hrefs = page.xpath(FOLLOWED_LINKS).getall()
    link_counts[TOO_MANY_LINKS] = max(0, len(hrefs) - rules.traps.max_links)
    num_unfollowed = int(float(page.xpath(NUM_UNFOLLOWED_LINKS).get(default="0")))
    link_counts[NO_FOLLOW] = len(hrefs) if directives.nofollow else num_unfollowed
    kept = [] if directives.nofollow else hrefs[: rules.traps.max_links]
    # each spelling once before it is normalised: menus repeat their links
    distinct = dict.fromkeys(href.partition("#")[0] for href in kept)
    links = [
        link for href in distinct if (link := normalise_link(href, base, rules, link_counts, encoding)) is not None
    ]
    return PageMarkup(
        links=list(dict.fromkeys(links)),
        # unary plus drops the rules that were not applied
        link_counts=+link_counts,
        directives=directives,
        canonical=find_canonical(page, base, url, headers, rules),
        refresh=find_refresh(page, base, url, headers, rules),
    )


def normalise_link(
    link: str, base: str, rules: MarkupRules, link_counts: Counter[str], encoding: str = "utf-8"
) -> str | None:
    """Return the one spelling of a link; None when it cannot be followed. Counts what was done to it."""
    if len(link) > rules.traps.max_url_length:
        link_counts[TOO_LONG] += 1
        return None
    normalised = normalise_url(link, base, encoding)
    if normalised is None:
        if not OTHER_SCHEME.match(link):
            link_counts[BAD_URL] += 1
        return None
    stripped, applied_rules = rules.parameters.strip_url(normalised)
    link_counts.update(applied_rules)
    return stripped


def find_canonical(page: Selector, base: str, url: str, headers: HeaderValues, rules: MarkupRules) -> str | None:
    """Return the URL that a page names as its canonical one, when that is another."""
    in_headers = [match[1] for value in headers.get("link", []) if (match := LINK_HEADER.search(value))]
    candidates = [*in_headers, *page.xpath(CANONICAL_LINKS).getall()]
    follows = bool(candidates) and rules.traps.canonical
    target = normalise_link(candidates[0], base, rules, Counter()) if follows else None
    return target if target != url else None


def find_refresh(page: Selector, base: str, url: str, headers: HeaderValues, rules: MarkupRules) -> str | None:
    """Return the URL that a page goes on to by itself, when it does so soon, and the URL is another."""
    for value in [*headers.get("refresh", []), *page.xpath(REFRESH_CONTENTS).getall()]:
        match = WAIT_AND_URL.match(value)
        if match and match[2] and float(match[1]) <= rules.traps.max_refresh_seconds:
            target = normalise_link(match[2], base, rules, Counter())
            return target if target != url else None
    return None
