import base64
import re
from xml.etree import ElementTree as ET

import pytest

from tasks.block import discover_blocks
from tasks.crawl.counters import MAX_HOSTS, OTHER_HOSTS, Tally
from tasks.crawl.settings import Crawl
from tasks.crawl.sources import Source
from tasks.crawl.summary import render_summary


def test_today_becomes_a_date():
    assert Crawl(snapshot="today").with_date("2026-02-03").snapshot == "2026-02-03"
    assert Crawl(snapshot="first").with_date("2026-02-03").snapshot == "first"


def test_only_the_chosen_source_enters_the_key():
    web = {"kind": "web", "web": {"seeds": ["http://127.0.0.1/"]}}
    alone, with_files = (Crawl.model_validate({"source": source}) for source in (web, web | {"files": {"path": "/a"}}))
    assert with_files.semantic() == alone.semantic()
    assert with_files.model_copy(update={"snapshot": "other"}).semantic() != with_files.semantic()


@pytest.mark.parametrize("kind", discover_blocks(Source))
def test_source(kind):
    block = discover_blocks(Source)[kind]
    assert block.__doc__
    assert all(field.description for field in block.model_fields.values())
    assert block.model_validate_json(block().model_dump_json()) == block()


def test_many_hosts_are_summed_up():
    tally = Tally()
    for n in range(MAX_HOSTS + 20):
        tally.hosts[f"h{n}"], tally.host_bytes[f"h{n}"] = n + 1, 10
    tally.statuses["200"] = tally.hosts.total()
    counts = tally.to_dict()
    assert len(counts["hosts"]) == MAX_HOSTS + 1
    assert sum(host["pages"] for host in counts["hosts"].values()) == counts["pages"]
    merged = Tally()
    merged.merge(counts)
    assert merged.to_dict() == counts
    assert OTHER_HOSTS in render_summary(counts | {"pages_per_second": 1.0}, "first")


def test_summary_shows_what_changed_and_pictures_that_can_be_drawn():
    tally = Tally()
    tally.statuses.update({"200": 40, "404": 3, "unchanged": 50})
    tally.changes.update({"new": 30, "changed": 10, "unchanged": 50, "gone": 3})
    tally.count_skipped("refused <by> robots.txt", 7)
    tally.hosts.update({"a.org": 30, "b.org": 10})
    tally.queues.update({"a.org": 5, "b.org": 0})
    text = render_summary(tally.to_dict() | {"pages_per_second": 12.5}, "monday")
    assert "12.5/s" in text
    for row in ("| unchanged | 50 |", "| gone | 3 |", "| refused <by> robots.txt | 7 |", "| a.org | 5 |"):
        assert row in text
    assert "b.org | 0" not in text
    pictures = re.findall(r"data:image/svg\+xml;base64,([^)]+)", text)
    words = [ET.fromstring(base64.b64decode(picture)).itertext() for picture in pictures]
    assert [word for word in words[0] if word.isdecimal() and word not in ("200", "404")] == ["50", "40", "7", "3"]
    assert list(words[1]) == ["a.org", "30", "b.org", "10"]


def test_line_that_is_shown_while_it_crawls():
    tally = Tally()
    tally.statuses.update({"200": 1200, "404": 3})
    tally.count_skipped("refused by robots.txt", 4)
    tally.host_bytes["a.org"] = 12_300_000
    tally.queues.update({"a.org": 900, "b.org": 20, "c.org": 10, "d.org": 1, "e.org": 0})
    assert tally.format_line() == (
        "200: 1,200, 404: 3; 12.3 MB; refused by robots.txt: 4; 931 wait (a.org: 900, b.org: 20, c.org: 10)"
    )
    assert Tally().format_line() == "nothing; 0.0 MB; 0 wait"
