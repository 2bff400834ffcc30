"""Parse a page's directives for robots: `X-Robots-Tag` headers and `<meta name="robots">`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ALL_ROBOTS = "robots"
NOINDEX, NOFOLLOW = {"noindex", "none"}, {"nofollow", "none"}
# Directives that have a value after a colon; any other word before a colon names a user agent.
VALUE_DIRECTIVES = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}

CONTACT = re.compile(r"(?:https?://|[\w.+-]+@)((?:[\w-]+\.)+[\w-]{2,})")
RESERVED_HOST = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid|test|localhost)$", re.IGNORECASE)


@dataclass(frozen=True)
class RobotsDirectives:
    """A page's wishes: not to be stored (noindex), not to have its links followed (nofollow)."""

    noindex: bool = False
    nofollow: bool = False


def parse_product_name(user_agent: str) -> str:
    """Return the name by which robots.txt knows a crawler (RFC 9309): `Textmill/0.1 (+https://…)` → `textmill`."""
    match = re.match(r"[\w-]+", user_agent)
    return match[0].lower() if match else ""


def has_contact(user_agent: str) -> bool:
    """Return whether a user agent names a web page or mail address, not one reserved for examples (RFC 2606)."""
    hosts = (match[1] for match in CONTACT.finditer(user_agent))
    return any(not RESERVED_HOST.search(host) for host in hosts)


def parse_header(value: str) -> Iterable[tuple[str, str]]:
    """Yield (agent, directive) pairs: `noindex, otherbot: nofollow` → (robots, noindex), (otherbot, nofollow).

    The name of an agent holds until the next one.
    """
    agent = ALL_ROBOTS
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        names_agent = bool(colon) and name.strip() not in VALUE_DIRECTIVES
        agent = name.strip() if names_agent else agent
        yield agent, (rest if names_agent else part).strip()


def parse_directives(headers: Iterable[str], metas: Iterable[tuple[str, str]], agent: str) -> RobotsDirectives:
    """Return the directives for an agent, from the values of X-Robots-Tag and from (name, content) of meta elements.

    They add up, so the strictest one counts, as https://developers.google.com/search/docs describes it.
    """
    pairs = [pair for value in headers for pair in parse_header(value)]
    pairs += [(name.strip().lower(), part.strip().lower()) for name, content in metas for part in content.split(",")]
    words = {word for name, word in pairs if name in (ALL_ROBOTS, agent)}
    return RobotsDirectives(noindex=bool(words & NOINDEX), nofollow=bool(words & NOFOLLOW))
