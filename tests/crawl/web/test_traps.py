from datetime import UTC, datetime

import pytest

from tasks.crawl.web.traps import ENDLESS_CALENDAR, PATH_REPEATS, TOO_LONG, Traps

NEXT = datetime.now(UTC).year + 1
LATER = NEXT + 1


@pytest.mark.parametrize(
    "url",
    [
        f"http://x/{LATER}/05/12",
        f"http://x/{LATER}-05",
        f"http://x/events/{LATER}-05-12/",
        f"http://x/calendar/{LATER}/5",
        f"http://x/?month={LATER}-05",
        f"http://x/?date={LATER}0512&view=day",
        f"http://x/?year={LATER}&month=5",
        "http://x/archive/1902/3/",
        "http://x/1969/12/31",
    ],
)
def test_calendars_without_end(url):
    assert Traps().find_trap(url) == ENDLESS_CALENDAR


@pytest.mark.parametrize(
    "url",
    [
        f"http://x/{NEXT}/05/12",
        "http://x/2019/05/12/",
        "http://x/1990-01",
        f"http://x/issues/{LATER}/5",  # the fifth page of an issue
        f"http://x/{LATER}/05/12/a-title",  # more than a date
        f"http://x/docs/{LATER}",
        f"http://x/?year={LATER}",
        f"http://x/?id={LATER}0512",
        "http://x/?birthday=19450508",
        "http://x/rfc/2048-bis",
    ],
)
def test_dates_that_are_pages(url):
    assert Traps().find_trap(url) is None


def test_years_are_settings():
    assert Traps(min_year=1900).find_trap("http://x/archive/1902/3/") is None
    assert Traps(max_years_ahead=9).find_trap(f"http://x/{LATER}/05/12") is None


@pytest.mark.parametrize("path", ["/a/a/a/a/a", "/a/b/a/b/a/b/a/b/a", "/x/a/y/a/z/a/a/w/a/end"])
def test_paths_that_repeat_themselves(path):
    assert Traps().find_trap(f"http://x{path}") == PATH_REPEATS
    assert Traps(max_path_repeats=9).find_trap(f"http://x{path}") is None


@pytest.mark.parametrize("path", ["/", "//////", "/a/a/a/a", "/std/std/vec/vec/", "/a/b/c/d/e/f/g/h"])
def test_paths_that_do_not(path):
    assert Traps().find_trap(f"http://x{path}") is None


def test_urls_that_are_too_long():
    assert Traps().find_trap("http://x/" + "a" * 2075) == TOO_LONG
    assert Traps().find_trap("http://x/" + "a" * 2074) is None
