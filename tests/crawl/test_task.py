import pytest

from tasks.block import members
from tasks.crawl.sources import Source
from tasks.crawl.tally import MOST_HOSTS, OTHERS, Tally, summary
from tasks.crawl.task import Crawl


def test_today_becomes_a_date():
    assert Crawl(snapshot="today").dated("2026-02-03").snapshot == "2026-02-03"
    assert Crawl(snapshot="first").dated("2026-02-03").snapshot == "first"


def test_only_the_chosen_source_enters_the_key():
    one = Crawl.model_validate({"source": {"kind": "web", "files": {"path": "/a"}}})
    assert one.semantic() == Crawl().semantic()
    assert Crawl(snapshot="other").semantic() != one.semantic()


@pytest.mark.parametrize("kind", members(Source))
def test_source(kind):
    block = members(Source)[kind]
    assert block.__doc__
    assert all(field.description for field in block.model_fields.values())
    assert block.model_validate_json(block().model_dump_json()) == block()


def test_many_hosts_are_summed_up():
    tally = Tally()
    for n in range(MOST_HOSTS + 20):
        tally.hosts[f"h{n}"], tally.host_bytes[f"h{n}"] = n + 1, 10
    tally.statuses["200"] = tally.hosts.total()
    counts = tally.counts()
    assert len(counts["hosts"]) == MOST_HOSTS + 1
    assert sum(host["pages"] for host in counts["hosts"].values()) == counts["pages"]
    merged = Tally()
    merged.merge(counts)
    assert merged.counts() == counts
    assert OTHERS in summary(counts, "first")
