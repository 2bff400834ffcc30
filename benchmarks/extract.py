"""HTML to text: pages per CPU-second and F1, ours against trafilatura and datatrove's block, on the same pages.

    python -m benchmarks.extract [--quick | --smoke]

Equal work: the bytes of a page to its text. trafilatura's `extract` with its defaults, datatrove's `Trafilatura` block
as shipped, with the process that it reads pages in; ours decodes, extracts and tidies. What it does with a page beyond
that (language, script, licence) is a row of its own. The pages are real: HTML of documentation packages, built by
`../shared/tools/html_corpus.py` into the folder that TEXTMILL_HTML_CORPUS names, or else the documentation of the
installed Python. F1 is the measure of article-extraction-benchmark on its 181 pages, when they lie in ../shared/data;
the keys that begin with `wcxb` are of WCXB's development split, on all its pages but in a smoke run. There, and for F1,
our score of blocks is trained on the pages of other domains than those that it reads. `sections_lost` is the percentage
of the sections of Django's and Python's documentation of which nearly nothing is in the text.
"""

import functools
import gzip
import hashlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.block_model.quality import measure_gold_pages
from benchmarks.doc_sections import count_lost_sections, load_documentation
from benchmarks.pages import make_html_pages
from benchmarks.report import Scale, installed, print_result, print_table, print_versions, read_scale, spread
from tasks.clean.extract.html.markup import HtmlExtraction, extract_content
from tasks.clean.extract.page_process import FetchedPage, try_extract_page
from tasks.input_files.encoding import decode_page

SHARED = Path(__file__).parents[2] / "shared"
COUNT = {Scale.FULL: 400, Scale.QUICK: 60, Scale.SMOKE: 8}
ROUNDS = {Scale.FULL: 5, Scale.QUICK: 3, Scale.SMOKE: 1}
SHINGLE = 4  # words


def pages(count: int) -> list[bytes]:
    """HTML pages from all over the corpus, the same on every run: chosen by a hash of their names."""
    script = SHARED / "tools" / "html_corpus.py"
    corpus = Path(os.environ.get("TEXTMILL_HTML_CORPUS", Path(tempfile.gettempdir()) / "textmill-html-corpus-small"))
    if script.exists() and not (corpus / "manifest.csv").exists():
        subprocess.run([sys.executable, str(script), str(corpus), "--small"], check=True, stdout=subprocess.DEVNULL)
    if not (corpus / "manifest.csv").exists():
        from flows.demo_site import render_site

        corpus = Path(tempfile.gettempdir()) / "textmill-benchmark-site"
        render_site(corpus, os.cpu_count() or 1)
    files = [path for path in corpus.rglob("*") if path.suffix in {".html", ".htm", ".xhtml"} and path.is_file()]
    names = sorted((path.relative_to(corpus).as_posix() for path in files), key=drawn)
    return [(corpus / name).read_bytes() for name in names[:count]]


def drawn(name: str) -> bytes:
    """A place in the order that is the same on every run, and has nothing to do with what is in the page."""
    return hashlib.blake2b(name.encode()).digest()


def cpu() -> float:
    """CPU-seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ours(body: bytes, settings: HtmlExtraction) -> str:
    return extract_content(decode_page(body, "text/html"), settings).text


def by_trafilatura(body: bytes, include_comments: bool = True) -> str:
    import trafilatura

    return trafilatura.extract(body, include_comments=include_comments) or ""


def by_datatrove(bodies: Iterable[bytes], timeout: float = 1) -> dict[str, str]:
    """Texts by number; pages that the block drops, or gives up after its second, are missing."""
    from datatrove.data import Document
    from datatrove.pipeline.extractors import Trafilatura

    documents = (Document(decode_page(body, "text/html"), str(number)) for number, body in enumerate(bodies))
    return {document.id: document.text for document in Trafilatura(timeout=timeout).run(documents)}


class Score(NamedTuple):
    """Means over the pages, as article-extraction-benchmark's evaluate.py takes them."""

    f1: float
    precision: float
    recall: float


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    starts = range(max(1, len(words) - SHINGLE + 1))
    return Counter(shingle for start in starts if (shingle := tuple(words[start : start + SHINGLE])))


def score(gold: dict[str, str], found: dict[str, str]) -> Score:
    """F1 of the means of precision and recall over 4-word shingles with their counts."""
    precisions, recalls = [], []
    for name, text in gold.items():
        true, said = shingles(text), shingles(found.get(name, ""))
        both = (true & said).total()
        if said:
            precisions.append(both / said.total())
        if true:
            recalls.append(both / true.total())
    precision, recall = statistics.mean(precisions), statistics.mean(recalls)
    return Score(2 * precision * recall / (precision + recall), precision, recall)


def articles() -> tuple[dict[str, bytes], dict[str, str]]:
    """Pages and gold texts of article-extraction-benchmark; none when it is not there."""
    if not (SHARED / "data" / "article-extraction-benchmark.tar.xz").exists():
        return {}, {}
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([SHARED / "data" / "unpack.sh", name, "article-extraction-benchmark"], check=True)
        folder = Path(name) / "article-extraction-benchmark"
        truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
        bodies = {key: gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes()) for key in truth}
    return bodies, {key: truth[key].get("articleBody", "") for key in truth}


def made_articles() -> tuple[dict[str, bytes], dict[str, str]]:
    """Pages and gold texts of our own making."""
    made = [(str(number), *each) for number, each in enumerate(make_html_pages(COUNT[Scale.SMOKE]).items())]
    return {name: page.encode() for name, _, page in made}, {name: text for name, text, _ in made}


def scores(scale: Scale, cross_validated: dict[str, str]) -> dict[str, Score]:
    """How well each extractor finds the articles; `cross_validated` are our texts by models that saw other domains."""
    bodies, gold = made_articles() if scale is Scale.SMOKE else articles()
    if scale is Scale.QUICK:
        gold = dict(list(gold.items())[:40])
    if not gold:
        print("F1 left out: article-extraction-benchmark is not in ../shared/data")
        return {}
    ways: dict[str, Callable[[bytes], str]] = {
        f"ours, {kind}": functools.partial(ours, settings=HtmlExtraction.model_validate({"extractor": kind}))
        for kind in ("textmill", "resiliparse", "trafilatura", "union")
    }
    ways["ours, by rules"] = functools.partial(ours, settings=HtmlExtraction(block_scores=False))
    ways["trafilatura"] = by_trafilatura
    ways["trafilatura without comments"] = lambda body: by_trafilatura(body, include_comments=False)
    found = {name: score(gold, {key: way(bodies[key]) for key in gold}) for name, way in ways.items()}
    if cross_validated:
        found["ours, cross-validated"] = score(gold, cross_validated)
    if installed("datatrove"):
        texts = by_datatrove((bodies[key] for key in gold), timeout=60)
        found["datatrove"] = score(gold, {key: texts.get(str(number), "") for number, key in enumerate(gold)})
    return found


def measured(bodies: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Pages per CPU-second of each way, one after the other in every round."""
    settings = HtmlExtraction()
    for body in bodies[:3]:  # compiles, loads
        try_extract_page(FetchedPage(body, "text/html", ""), settings)
        by_trafilatura(body)
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: [ours(body, settings) for body in bodies],
        "ours, whole page": lambda: [try_extract_page(FetchedPage(body, "text/html", ""), settings) for body in bodies],
        "ours, resiliparse": lambda: [ours(body, HtmlExtraction(extractor="resiliparse")) for body in bodies],
        "trafilatura": lambda: [by_trafilatura(body) for body in bodies],
    }
    if installed("datatrove"):
        ways["datatrove"] = lambda: by_datatrove(bodies)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = cpu()
            way()
            rates[name].append(len(bodies) / (cpu() - began))
    return rates


def main() -> None:
    """Print both tables and the figures."""
    scale = read_scale(__doc__)
    bodies = list(made_articles()[0].values()) if scale is Scale.SMOKE else pages(COUNT[scale])
    print_versions("trafilatura", "datatrove", "resiliparse", "numba")
    sizes = sorted(map(len, bodies))
    print(f"{len(bodies)} pages, {sum(sizes) / len(sizes):,.0f} bytes on average, median {sizes[len(sizes) // 2]:,}\n")
    rates = measured(bodies, ROUNDS[scale])
    ratios = {name: [a / b for a, b in zip(rates["ours"], rates[name], strict=True)] for name in rates}
    rows = [(name, spread(rates[name]), spread(ratios[name])) for name in rates]
    print_table(["extraction", "pages per CPU-second", "ours is so many times faster"], rows)
    gold = measure_gold_pages() if scale is not Scale.SMOKE else None
    found = scores(scale, gold.news_texts if gold else {})
    print()
    table = [(name, f"{each.f1:.4f}", f"{each.precision:.4f}", f"{each.recall:.4f}") for name, each in found.items()]
    print_table(["extractor", "F1", "precision", "recall"], table)
    best = max((found[name].f1 for name in found if name.startswith("trafilatura")), default=None)
    own = found.get("ours, cross-validated") or found.get("ours, textmill")
    figures = {"f1": own.f1, "f1/trafilatura": best} if own and best else {}
    figures |= gold.figures if gold else {}
    if scale is not Scale.SMOKE and (documentation := load_documentation(every=1 if scale is Scale.FULL else 10)):
        lost = count_lost_sections(documentation, functools.partial(ours, settings=HtmlExtraction()))
        print(f"{len(lost.lost)} of {lost.num_sections} sections of {len(documentation)} documentation pages are lost")
        figures["sections_lost"] = 100 * len(lost.lost) / max(lost.num_sections, 1)
    peers = [name for name in ("trafilatura", "datatrove") if name in ratios]
    print_result("extract", {name: spread(ratios[name]).median for name in peers}, figures)


if __name__ == "__main__":
    main()
