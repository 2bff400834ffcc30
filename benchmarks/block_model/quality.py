"""How true to the gold texts of WCXB's development split an extraction is, by the kind of page."""

import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import trafilatura

from benchmarks.block_model.cross_validation import NUM_FOLDS, extract_by_folds
from benchmarks.block_model.gold_pages import NEWS, WCXB, GoldPage, load_gold_pages
from benchmarks.report import print_table
from tasks.clean.extract.html.markup import HtmlExtraction, extract_content
from tasks.input_files.encoding import decode_page

WORD = re.compile(r"\w+")
WHOLE = "all"


class GoldResults(NamedTuple):
    """What was measured on the pages with gold text."""

    figures: dict[str, float]
    news_texts: dict[str, str]  # of each page of article-extraction-benchmark, by a model that did not see its domain


def score_words(text: str, gold: str) -> float:
    """Return the F1 of the words of a text, with their counts, as WCXB takes it."""
    ours, true = Counter(WORD.findall(text.lower())), Counter(WORD.findall(gold.lower()))
    total = ours.total() + true.total()
    return 2 * (ours & true).total() / total if total else 1.0


def average_by_kind(pages: Sequence[GoldPage], texts: Sequence[str]) -> dict[str, float]:
    """Return the mean F1 of the pages of each kind, and of all."""
    scores: dict[str, list[float]] = {WHOLE: []}
    for page, text in zip(pages, texts, strict=True):
        score = score_words(text, page.text)
        scores[WHOLE].append(score)
        scores.setdefault(page.kind, []).append(score)
    return {kind: statistics.mean(values) for kind, values in sorted(scores.items())}


def measure_gold_pages() -> GoldResults:
    """Compare the extraction with trafilatura on WCXB; print a table. No figures where the set is not there.

    Ours is cross-validated: each page is read with a model that was trained on other domains.
    """
    pages = load_gold_pages()
    web = [page for page in pages if page.source == WCXB]
    if not web:
        return GoldResults({}, {})
    cross_validated = extract_by_folds(pages)
    texts = [text for page, text in zip(pages, cross_validated, strict=True) if page.source == WCXB]
    news_texts = {page.name: text for page, text in zip(pages, cross_validated, strict=True) if page.source == NEWS}
    rules, shipped = HtmlExtraction(block_scores=False), HtmlExtraction()
    by_rules = [extract_content(decode_page(page.body, "text/html"), rules).text for page in web]
    began = time.process_time()
    for page in web:
        extract_content(decode_page(page.body, "text/html"), shipped)
    seconds = time.process_time() - began
    began = time.process_time()
    theirs = [trafilatura.extract(page.body) or "" for page in web]
    their_seconds = time.process_time() - began
    ours, peer, plain = (average_by_kind(web, extracted) for extracted in (texts, theirs, by_rules))
    print(f"\nWCXB's development split, {len(web)} pages, ours by {NUM_FOLDS} folds of domains: F1 over words")
    rows = [(kind, *(f"{scores[kind]:.3f}" for scores in (ours, plain, peer))) for kind in ours]
    print_table(["kind", "ours", "ours, by rules", "trafilatura"], rows)
    print(f"pages per CPU-second: ours {len(web) / seconds:.0f}, trafilatura {len(web) / their_seconds:.1f}")
    figures = {
        "wcxb": ours[WHOLE],
        "wcxb/trafilatura": ours[WHOLE] / peer[WHOLE],
        "wcxb_lowest_margin": min(ours[kind] - peer[kind] for kind in ours if kind != WHOLE),
        "wcxb_speed": len(web) / seconds,
        "wcxb_speed/trafilatura": their_seconds / seconds,
    }
    return GoldResults(figures, news_texts)
