"""What a page asks of robots: `X-Robots-Tag` headers and `<meta name="robots">`, for all of them or for one."""

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
    """Whether the page may be kept, and its links followed."""

    noindex: bool = False
    nofollow: bool = False


def parse_product_name(user_agent: str) -> str:
    """`Textmill/0.1 (+https://…)` → `textmill`: the name that robots.txt and pages know a crawler by (RFC 9309)."""
    found = re.match(r"[\w-]+", user_agent)
    return found[0].lower() if found else ""


def has_contact(user_agent: str) -> bool:
    """Whether it names a web page or a mail address, other than those reserved for examples (RFC 2606)."""
    hosts = (match[1] for match in CONTACT.finditer(user_agent))
    return any(not RESERVED_HOST.search(host) for host in hosts)


def parse_header(value: str) -> Iterable[tuple[str, str]]:
    """`noindex, otherbot: nofollow` → (robots, noindex), (otherbot, nofollow). A name holds until the next one."""
    agent = ALL_ROBOTS
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        named = bool(colon) and name.strip() not in VALUE_DIRECTIVES
        agent = name.strip() if named else agent
        yield agent, (rest if named else part).strip()


def parse_directives(headers: Iterable[str], metas: Iterable[tuple[str, str]], agent: str) -> RobotsDirectives:
    """All that concern the agent, from the values of X-Robots-Tag and from (name, content) of meta elements.

    They add up: the strictest one counts, as https://developers.google.com/search/docs describes it.
    """
    found = [pair for value in headers for pair in parse_header(value)]
    found += [(name.strip().lower(), part.strip().lower()) for name, content in metas for part in content.split(",")]
    words = {word for name, word in found if name in (ALL_ROBOTS, agent)}
    return RobotsDirectives(noindex=bool(words & NOINDEX), nofollow=bool(words & NOFOLLOW))
