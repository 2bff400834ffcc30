from pathlib import Path

import polars as pl
import pytest

from tasks.clean.extract.recurring_lines import RecurringLines, count_lines, find_recurring_lines, remove_lines
from tasks.errors import StageFailure

NOTICE = "Every harbour of this site is described by volunteers."
SETTINGS = RecurringLines(min_pages=5, min_fraction=0.5)


def make_page(number: int, host: str = "A.example", middle: str = "") -> dict[str, str]:
    body = "\n".join(f"Sentence {number}-{line} of the page is like no other one." for line in range(4))
    text = f"Home\n\nBoat {number}\n\nSynopsis\n{middle}{body}\n{NOTICE}\n{body[::-1]}\n\nShare this\nBack to top"
    return {"url": f"https://{host}/{number}", "text": text}


def remove_recurring(
    tmp_path: Path, shards: list[list[dict[str, str]]], settings: RecurringLines = SETTINGS
) -> tuple[list[str], int]:
    paths = []
    for index, pages in enumerate(shards):
        paths.append(tmp_path / f"{index}.parquet")
        count_lines(pl.DataFrame(pages)).write_parquet(paths[-1])
    lines = find_recurring_lines(paths, settings)
    documents, removed = remove_lines(pl.DataFrame([page for pages in shards for page in pages]), lines)
    return documents["text"].to_list(), removed


def test_lines_that_recur_over_shards_go_and_headings_stay(tmp_path: Path) -> None:
    texts, removed = remove_recurring(tmp_path, [[make_page(n) for n in range(4)], [make_page(n) for n in range(4, 8)]])
    assert texts[3].startswith("Boat 3\n\nSynopsis\nSentence 3-0")  # "Synopsis" recurs too, and means something there
    assert texts[3].endswith(make_page(3)["text"].split("\n")[-4])
    assert NOTICE not in "".join(texts)
    assert removed == 8 * 4


def test_hosts_are_judged_apart_and_small_ones_not_at_all(tmp_path: Path) -> None:
    small = [make_page(n, "b.example") for n in range(4)]
    texts, removed = remove_recurring(tmp_path, [[make_page(n) for n in range(8)] + small])
    assert texts[8:] == [page["text"] for page in small]
    assert removed == 8 * 4


def test_code_that_recurs_between_other_lines_stays(tmp_path: Path) -> None:
    code = "import numpy as np\n    return np.sqrt(np.square(left - right).sum() + epsilon)\n}\n"
    texts, _ = remove_recurring(tmp_path, [[make_page(n, middle=code) for n in range(8)]])
    assert all(code in text for text in texts)


def test_copies_of_one_page_are_no_boilerplate(tmp_path: Path) -> None:
    copies = [{**make_page(1), "url": f"https://a.example/{n}"} for n in range(30)]
    texts, removed = remove_recurring(tmp_path, [copies])
    assert texts == [make_page(1)["text"]] * 30
    assert removed == 0


def test_a_line_that_few_pages_of_a_host_share_stays(tmp_path: Path) -> None:
    pages = [make_page(n) for n in range(6)] + [
        {"url": f"http://a.example/x{n}", "text": f"Plain {n}\nand nothing else {n}"} for n in range(30)
    ]
    texts, removed = remove_recurring(tmp_path, [pages])
    assert texts == [page["text"] for page in pages]
    assert removed == 0


@pytest.mark.parametrize("url", ["not an address", "", "file:///tmp/x"])
def test_addresses_without_a_host_count_as_one(tmp_path: Path, url: str) -> None:
    texts, _ = remove_recurring(tmp_path, [[{**make_page(n), "url": url} for n in range(8)]])
    assert not any("Share this" in text for text in texts)


def test_no_documents(tmp_path: Path) -> None:
    empty = pl.DataFrame(schema={"url": pl.String, "text": pl.String})
    count_lines(empty).write_parquet(tmp_path / "none.parquet")
    lines = find_recurring_lines([tmp_path / "none.parquet"], SETTINGS)
    assert remove_lines(empty, lines)[1] == 0


def test_counts_that_are_gone_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="--force extract"):
        find_recurring_lines([tmp_path / "gone.parquet"], SETTINGS)
