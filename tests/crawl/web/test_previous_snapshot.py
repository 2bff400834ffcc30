"""Reading the previous snapshot, and the errors when it cannot be read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.crawl.web.previous_snapshot import PreviousSnapshot
from tasks.errors import StageFailure


def add_pages(site):
    site.pages |= {"/": site.page("/a", text="front"), "/a": site.page("/b", text="a"), "/b": site.page(text="b")}
    for answer in list(site.pages.values()):
        answer.headers = {**answer.headers, "ETag": '"first"'}


def test_an_index_without_the_newer_columns(site, snapshot, tmp_path):
    """Written by an older version, or by hand: its pages are fetched in full and compared."""
    add_pages(site)
    _, one = snapshot("one")
    path = one.folder / "index" / "00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop(["change", "refers_to", "refers_to_at", "num_links"]), path)
    second, _ = snapshot("two", one)
    assert second.counts["changes"] == {"unchanged": 3}


@pytest.mark.parametrize("broken", ["index", "cut", "swapped", "missing"])
def test_a_snapshot_that_cannot_be_read(site, snapshot, broken):
    add_pages(site)
    _, one = snapshot("one")
    [warc], [index] = one.folder.glob("warc/*"), one.folder.glob("index/*")
    if broken == "index":
        index.write_bytes(b"PAR1 no")
    elif broken == "missing":
        index.unlink()
    elif broken == "cut":
        warc.write_bytes(warc.read_bytes()[:200])
    else:
        table = pq.read_table(index)
        offsets = pa.chunked_array([pa.array([0] * table.num_rows)])
        pq.write_table(table.set_column(table.schema.get_field_index("offset"), "offset", offsets), index)
    with pytest.raises(StageFailure, match="index" if broken in ("index", "missing") else "warc.gz"):
        snapshot("two", one)


def test_the_first_snapshot_knows_nothing():
    snapshot = PreviousSnapshot(None)
    assert snapshot.find_row("http://x/") is None
    assert snapshot.make_conditional_headers("http://x/") == {}
    assert not list(snapshot.find_unanswered())
