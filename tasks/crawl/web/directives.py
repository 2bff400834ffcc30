"""What a page asks of robots: `X-Robots-Tag` headers and `<meta name="robots">`, for all of them or for one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

EVERYBODY = "robots"
NOINDEX, NOFOLLOW = {"noindex", "none"}, {"nofollow", "none"}
# Directives that have a value after a colon; any other word before a colon names a user agent.
WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}

CONTACT = re.compile(r"(?:https?://|[\w.+-]+@)((?:[\w-]+\.)+[\w-]{2,})")
RESERVED = re.compile(r"(^|\.)(example(\.(com|net|org))?|invalid|test|localhost)$", re.IGNORECASE)


@dataclass(frozen=True)
class Directives:
    """Whether the page may be kept, and its links followed."""

    noindex: bool = False
    nofollow: bool = False


def product(user_agent: str) -> str:
    """`Textmill/0.1 (+https://…)` → `textmill`: the name that robots.txt and pages know a crawler by (RFC 9309)."""
    found = re.match(r"[\w-]+", user_agent)
    return found[0].lower() if found else ""


def has_contact(user_agent: str) -> bool:
    """Whether it names a web page or a mail address, other than those reserved for examples (RFC 2606)."""
    hosts = (match[1] for match in CONTACT.finditer(user_agent))
    return any(not RESERVED.search(host) for host in hosts)


def in_header(value: str) -> Iterable[tuple[str, str]]:
    """`noindex, otherbot: nofollow` → (robots, noindex), (otherbot, nofollow). A name holds until the next one."""
    agent = EVERYBODY
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        named = bool(colon) and name.strip() not in WITH_VALUE
        agent = name.strip() if named else agent
        yield agent, (rest if named else part).strip()


def directives(headers: Iterable[str], metas: Iterable[tuple[str, str]], agent: str) -> Directives:
    """All that concern the agent, from the values of X-Robots-Tag and from (name, content) of meta elements.

    They add up: the strictest one counts, as https://developers.google.com/search/docs describes it.
    """
    found = [pair for value in headers for pair in in_header(value)]
    found += [(name.strip().lower(), part.strip().lower()) for name, content in metas for part in content.split(",")]
    words = {word for name, word in found if name in (EVERYBODY, agent)}
    return Directives(noindex=bool(words & NOINDEX), nofollow=bool(words & NOFOLLOW))
