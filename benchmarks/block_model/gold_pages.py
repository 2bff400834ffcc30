"""Pages with gold text: WCXB's development split and article-extraction-benchmark, when they lie in ../shared/data."""

import gzip
import html
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from tasks.clean.extract.html.block_scores.selection import PageBlocks, describe_page_blocks
from tasks.clean.extract.html.page_arrays import PageArrays, read_page_arrays
from tasks.input_files.encoding import decode_page

DATA = Path(__file__).parents[3] / "shared" / "data"
WCXB, NEWS = "wcxb-dev", "article-extraction-benchmark"
MAX_DEPTH = 4096
MIN_PAIRED_WORDS = 3  # a shorter block is looked up with the words around it
WORD = re.compile(r"\w+")


class GoldPage(NamedTuple):
    """A page with the text that an extractor should find."""

    name: str
    source: str  # WCXB or NEWS
    kind: str
    domain: str
    body: bytes
    text: str


def load_gold_pages(sources: tuple[str, ...] = (WCXB, NEWS)) -> list[GoldPage]:
    """Load the pages of the sets that are there. Pages without a gold text are left out."""
    loaders = {WCXB: _load_wcxb, NEWS: _load_news}
    pages: list[GoldPage] = []
    for source in sources:
        if not (DATA / f"{source}.tar.xz").exists():
            print(f"{source} is left out: it is not in ../shared/data")
            continue
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([DATA / "unpack.sh", folder, source], check=True)
            pages += loaders[source](Path(folder) / source)
    return pages


def _load_wcxb(folder: Path) -> Iterator[GoldPage]:
    for path in sorted((folder / "ground-truth").glob("*.json")):
        gold = json.loads(path.read_text(encoding="utf-8"))
        text = gold["ground_truth"].get("main_content")
        if text is not None:
            body = (folder / "html" / f"{path.stem}.html").read_bytes()
            kind = gold["_internal"]["page_type"]["primary"]
            yield GoldPage(path.stem, WCXB, kind, _read_domain(gold.get("url") or path.stem), body, text)


def _load_news(folder: Path) -> Iterator[GoldPage]:
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    for name, gold in sorted(truth.items()):
        body = gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes())
        yield GoldPage(name, NEWS, "article", _read_domain(gold.get("url") or name), body, gold.get("articleBody", ""))


def _read_domain(url: str) -> str:
    """Return the host of an address without its `www`; the text itself where it is no address."""
    return urlsplit(url).netloc.removeprefix("www.") or url


def read_arrays(body: bytes) -> PageArrays:
    """Read the bytes of a page as the extraction does."""
    return read_page_arrays(decode_page(body, "text/html").encode("utf-8", "replace"), MAX_DEPTH)


def read_block_words(page: PageArrays, blocks: PageBlocks) -> list[list[str]]:
    """Return the words of each block, in lower case."""
    start, stop, weight = page.tags[0], page.tags[1], page.tags[4]
    texts: list[list[bytes]] = [[] for _ in blocks.counts]
    for index in np.flatnonzero((blocks.of_tag >= 0) & (weight > 0)):
        end = start[index + 1] if index + 1 < len(start) else len(page.source)
        texts[blocks.of_tag[index]].append(page.source[stop[index] : end])
    return [WORD.findall(html.unescape(b" ".join(parts).decode("utf-8", "replace")).lower()) for parts in texts]


def label_blocks(block_words: list[list[str]], gold: str) -> Any:
    """Return for each block whether more than half of its word pairs are in the gold text (blocks,)."""
    gold_words = WORD.findall(gold.lower())
    pairs, words = set(pairwise(gold_words)), set(gold_words)
    labels = np.zeros(len(block_words), np.float64)
    for index, own in enumerate(block_words):
        if len(own) >= MIN_PAIRED_WORDS:
            around = own
        else:
            before = next((other[-1:] for other in reversed(block_words[max(0, index - 3) : index]) if other), [])
            behind = next((other[:1] for other in block_words[index + 1 : index + 4] if other), [])
            around = [*before, *own, *behind]
        found = [pair in pairs for pair in pairwise(around)]
        # of two pairs around a single word one is enough
        is_short = len(own) < MIN_PAIRED_WORDS
        labels[index] = 2 * sum(found) >= len(found) + (not is_short) and any(found) and own[0] in words if own else 0
    return labels


class LabelledPage(NamedTuple):
    """The features and labels of a page's blocks."""

    features: Any  # uint8, (blocks, NUM_FEATURES)
    page_features: Any
    labels: Any  # (blocks,)
    weights: Any  # (blocks,): the fraction of the gold text that a block's words would be, at most MAX_FRACTION
    kind: str


MAX_FRACTION, MIN_FRACTION, MIN_GOLD_WORDS = 0.1, 2e-4, 50


def label_page(gold: GoldPage) -> LabelledPage:
    """Describe and label the blocks of a page."""
    page = read_arrays(gold.body)
    blocks = describe_page_blocks(page)
    words = read_block_words(page, blocks)
    sizes = np.array([len(own) for own in words], np.float64)
    weights = np.minimum(sizes / max(len(WORD.findall(gold.text)), MIN_GOLD_WORDS), MAX_FRACTION) + MIN_FRACTION
    labels = label_blocks(words, gold.text)
    return LabelledPage(blocks.features, blocks.page_features, labels, weights, gold.kind)
