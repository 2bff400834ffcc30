"""Texts of gold pages by models that did not see their domain."""

import zlib
from collections.abc import Sequence

from benchmarks.block_model.gold_pages import GoldPage, label_page, read_arrays
from benchmarks.block_model.train import train_models
from tasks.clean.extract.html.block_scores.selection import select_by_scores
from tasks.clean.extract.html.markup import decode_references
from tasks.clean.extract.html.page_arrays import find_unreadable_text, render_page

NUM_FOLDS = 4


def choose_fold(domain: str) -> int:
    """Return the fold of a domain, the same on every machine."""
    return zlib.crc32(domain.encode()) % NUM_FOLDS


def extract_by_folds(pages: Sequence[GoldPage]) -> list[str]:
    """Extract each page with models that are trained on the pages of other folds."""
    labelled = [label_page(page) for page in pages]
    texts = [""] * len(pages)
    for fold in range(NUM_FOLDS):
        is_seen = [choose_fold(page.domain) != fold for page in pages]
        models = train_models([page for page, seen in zip(labelled, is_seen, strict=True) if seen]).pack()
        for index, page in enumerate(pages):
            if is_seen[index]:
                continue
            arrays = read_arrays(page.body)
            left_out = select_by_scores(arrays, comments=False, byline=False, models=models)
            text = decode_references(render_page(arrays, left_out, bullets=True, alt_texts=False))
            if not text:
                whole = find_unreadable_text(arrays)
                text = decode_references(render_page(arrays, whole, bullets=True, alt_texts=False))
            texts[index] = text
    return texts
