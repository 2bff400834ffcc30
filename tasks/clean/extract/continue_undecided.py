"""Builds an extraction again of which only some pages were undecided: these alone are read."""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.clean.extract.crawl_reader import BodyReader, list_index_files, load_page_rows
from tasks.clean.extract.documents import FAILED_SCHEMA, batch_pages, extract_batch
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import ExtractedPage
from tasks.clean.extract.page_process import FetchedPage
from tasks.clean.extract.undecided import UndecidedPages, load_undecided
from tasks.clean.extract.unusable import UndecidedPage
from tasks.store import Draft
from tasks.store.manifest import MANIFEST_NAME, Manifest

Row = dict[str, Any]


def continue_undecided(draft: Draft, pages: Path, settings: HtmlExtraction) -> dict[str, Any] | None:
    """Read the undecided pages of the draft's incomplete artifact; take over its documents when they stay the same.

    Return the counts; None when all pages must be read, because a page became readable: its lines count for the lines
    that recur on its host, and so for every document of it.
    """
    artifact = draft.incomplete_artifact
    if artifact is None or not (artifact / "undecided").is_dir():
        return None
    index_files = list_index_files(pages)
    reasons: dict[str, dict[str, str]] = {}  # of the pages that were undecided: index file → URL → reason
    lists: dict[str, UndecidedPages] = {}
    for index in index_files:
        previous = load_undecided(artifact, index.name)
        lists[index.name] = UndecidedPages(previous)
        rows = [row for row in load_page_rows(index) if row["url"] in previous]
        reasons[index.name] = {}
        for batch in batch_pages(rows, BodyReader(pages), settings):
            for row, fetched in batch:
                result = extract_batch([fetched], settings)[0] if isinstance(fetched, FetchedPage) else fetched
                if isinstance(result, ExtractedPage):
                    return None
                undecided = lists[index.name]
                reason = undecided.add(row["url"], result) if isinstance(result, UndecidedPage) else str(result)
                reasons[index.name][row["url"]] = reason
    manifest = Manifest.read((artifact / MANIFEST_NAME).read_bytes())
    if manifest is None:
        return None
    failed: Counter[str] = Counter()
    (draft.path / "failed").mkdir(exist_ok=True)
    for index in index_files:
        rows = pq.read_table(artifact / "failed" / index.name).to_pylist()
        for row in rows:
            row["reason"] = reasons[index.name].get(row["url"], row["reason"])
        failed.update(row["reason"] for row in rows)
        with draft.write(f"failed/{index.name}") as path:
            pq.write_table(pa.Table.from_pylist(rows, FAILED_SCHEMA), path)
        lists[index.name].write(draft.path, index.name)
    link_documents(artifact, draft)
    return manifest.counts | {"failed": dict(sorted(failed.items()))}


def link_documents(artifact: Path, draft: Draft) -> None:
    """Put the documents of an artifact into a draft: links where the file system has them, else copies."""
    (draft.path / "documents").mkdir(exist_ok=True)
    for source in sorted((artifact / "documents").iterdir()):
        target = draft.path / "documents" / source.name
        target.unlink(missing_ok=True)  # of a run that was killed
        try:
            os.link(source, target)
        except OSError:
            with draft.write(f"documents/{source.name}") as path:
                shutil.copyfile(source, path)
