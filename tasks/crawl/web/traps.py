"""Rules that keep a crawl out of endless URL spaces, such as calendars and relative links that went wrong."""

import re
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from tasks.block import Block

TOO_LONG, PATH_REPEATS, ENDLESS_CALENDAR = "URL too long", "path repeats itself", "calendar without end"
# A path that ends in a date: /2031/05/12, /2031-05-12 or /2031-05; and /2031/5 where the path speaks of a calendar:
# elsewhere two such numbers are as often those of a thing and of its page.
DATED_PATH = re.compile(r"/(\d{4})(?:/\d{1,2}/\d{1,2}|-\d{2}(?:-\d{2})?)/?$")
MONTH_PATH = re.compile(r"/(\d{4})/\d{1,2}/?$")
CALENDAR_PATH = re.compile(r"calend|kalend|event|agenda|schedule|archive|month|week", re.IGNORECASE)
DATE_NAMES = re.compile(r"date|(?:^|[_-])(?:day|month|week|ym)", re.IGNORECASE)
DATE = re.compile(r"(\d{4})-?\d{2}(?:-?\d{2})?$")
YEAR_NAMES, MONTH_NAMES = {"year", "yr", "y"}, {"month", "mon", "m"}


class Traps(Block):
    """Rules that keep a crawl out of endless URL spaces. The summary counts what each rule left out."""

    max_url_length: int = Field(2083, ge=20)
    """maximum number of characters of a URL; the default was the limit of browsers for a long time"""
    max_path_repeats: int = Field(4, ge=1)
    """how often one part of a path may occur in it: /a/b/a/b/a/b comes of relative links that went wrong"""
    min_year: int = Field(1990, ge=0)
    """URLs that hold a date, such as /1970/01/01 or ?month=1970-01, are left out when its year is before this one:
    calendars go back endlessly; 0 = any year"""
    max_years_ahead: int = Field(1, ge=0)
    """URLs that hold a date are left out when its year is more than this many years from now"""
    max_redirects: int = Field(10, ge=0)
    """maximum number of redirects in a row"""
    max_refresh_seconds: float = Field(5.0, ge=0)
    """a page that goes on to another one by itself within this many seconds counts as a redirect, and is not stored"""
    max_links: int = Field(10_000, ge=1)
    """maximum number of links of one page, in its order"""
    canonical: bool = True
    """a page that names another as its canonical one is not stored once that one is; its links are followed"""

    def find_trap(self, url: str) -> str | None:
        """Return the rule by which a URL looks like a trap, or None."""
        if len(url) > self.max_url_length:
            return TOO_LONG
        parts = urlsplit(url)
        segments = Counter(part for part in parts.path.split("/") if part)
        if segments and max(segments.values()) > self.max_path_repeats:
            return PATH_REPEATS
        year = find_year(parts.path, parts.query)
        if year is not None and not self.min_year <= year <= datetime.now(UTC).year + self.max_years_ahead:
            return ENDLESS_CALENDAR
        return None


def find_year(path: str, query: str) -> int | None:
    """Return the year of a URL that holds a date; None for one that does not."""
    if match := DATED_PATH.search(path) or (CALENDAR_PATH.search(path) and MONTH_PATH.search(path)):
        return int(match[1])
    years: list[str] = []
    parameters = parse_qsl(query)
    for name, value in parameters:
        if (date := DATE.match(value)) and DATE_NAMES.search(name):
            years.append(date[1])
        # a year alone is often a filter; with a month beside it, it is a page of a calendar
        elif name.lower() in YEAR_NAMES and value.isdecimal() and any(n.lower() in MONTH_NAMES for n, _ in parameters):
            years.append(value)
    return int(years[0][:9]) if years else None  # Python refuses to read a number of thousands of digits
