"""Quality filters: documents per CPU-second and verdicts, ours against datatrove's four families on the same pages.

The pages are real: HTML of documentation packages (`../shared/tools/html_corpus.py`; TEXTMILL_HTML_CORPUS names a
folder that it filled before) or, without that, the documentation of the installed Python and its packages. Our extract
makes text of them; English ones count. datatrove gets our split into words (white space) and sentences through its own
`WordTokenizer`, and each of its filters judges each document; ours score and judge each document by the same rules.
Where spaCy is installed, datatrove is also timed as it comes: its own English split is spaCy's.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.pages import make_html_pages
from benchmarks.report import (
    Scale,
    installed,
    interleaved,
    print_result,
    print_table,
    print_versions,
    read_scale,
    spread,
)
from tasks.clean.decide.apply_filters import build_failure_masks, list_failed_rules
from tasks.clean.extract.html.markup import HtmlExtraction
from tasks.clean.extract.page import extract_page
from tasks.clean.extract.unusable import UnusablePage
from tasks.clean.filters import Filter
from tasks.clean.filters._scores import add_scores
from tasks.clean.settings import Clean

SCRIPT = Path(__file__).parents[2] / "shared" / "tools" / "html_corpus.py"
COUNT = {Scale.FULL: 5_000, Scale.QUICK: 400, Scale.SMOKE: 20}
ROUNDS = {Scale.FULL: 3, Scale.QUICK: 3, Scale.SMOKE: 1}
EVERY = 50  # one page in so many for datatrove's own split, which is slow
REPEATS = 5  # of ours in a round: a fifth of a second is too short to measure beside eight
SENTENCE = re.compile(r"""\S.*?(?:[.!?]+["'”’)\]]*(?=\s|$)|$)""", re.MULTILINE)

# Our rules for each of datatrove's filters, at the limits of its defaults.
FAMILIES: dict[str, dict[str, dict[str, float]]] = {
    "gopher_quality": {
        kind: {}
        for kind in (
            *("word_count", "mean_word_length", "symbol_ratio", "bullet_lines", "ellipsis_lines", "alphabetic_words"),
            "stop_words",
        )
    },
    "gopher_repetition": {
        kind: {}
        for kind in (
            *("duplicate_lines", "duplicate_line_characters", "duplicate_paragraphs"),
            *("duplicate_paragraph_characters", "top_ngrams", "duplicate_ngrams"),
        )
    },
    "c4": {"sentences": {}, "lorem_ipsum": {}, "curly_brackets": {}},
    "fineweb": {
        "line_punctuation": {},
        "short_lines": {},
        "duplicate_line_characters": {"max": 0.01},
        "line_breaks": {},
    },
}


def html_files(quick: bool) -> Iterator[Path]:
    """HTML files, English ones where that is known; a fair part of every package."""
    if not SCRIPT.exists() and "TEXTMILL_HTML_CORPUS" not in os.environ:
        from flows.demo_site import render_site

        site = Path(tempfile.gettempdir()) / "textmill-benchmark-site"
        render_site(site, os.cpu_count() or 1)
        yield from sorted(site.rglob("*.html"))
        return
    default = Path(tempfile.gettempdir()) / f"textmill-html-corpus{'-small' * quick}"
    corpus = Path(os.environ.get("TEXTMILL_HTML_CORPUS", default))
    if not (corpus / "manifest.csv").exists():
        subprocess.run([sys.executable, str(SCRIPT), str(corpus), *(["--small"] * quick)], check=True)
    with (corpus / "manifest.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["language"] == "en"]
    # by a hash of the name, so that the largest package does not come first
    for path in sorted(paths, key=hash_of):
        yield corpus / path


def hash_of(name: str) -> int:
    """A number that is the same on every run."""
    return int(pl.Series([name]).hash(seed=0)[0])


def documents(scale: Scale) -> pl.DataFrame:
    """English pages as our extract gives them."""
    rows: list[dict[str, Any]] = []
    count = COUNT[scale]
    if scale is Scale.SMOKE:
        pages: Iterable[bytes] = (page.encode() for page in make_html_pages(count).values())
    else:
        pages = (path.read_bytes() for path in html_files(scale is Scale.QUICK))
    for page in pages:
        try:
            found = extract_page(page, "text/html", HtmlExtraction())
        except UnusablePage:
            continue
        if found.language == "en":
            rows.append({"text": found.text, "language": "en", "language_score": found.language_score})
            if len(rows) == count:
                break
    return pl.DataFrame(rows)


def blocks() -> dict[str, dict[str, Filter]]:
    """Our filters of each family."""
    of_family = {}
    for family, changes in FAMILIES.items():
        settings = Clean.model_validate(
            {"filters": {kind: {"enabled": True, **each} for kind, each in changes.items()}}
        )
        of_family[family] = {kind: block for kind, block in settings.filters.blocks() if kind in changes}
    return of_family


def ours(texts: pl.DataFrame, families: dict[str, dict[str, Filter]]) -> pl.DataFrame:
    """For each family the rules that each document breaks, as the stages extract and clean find them."""
    every = {kind: block for family in families.values() for kind, block in family.items()}
    broken = {name: list_failed_rules(build_failure_masks(family)) for name, family in families.items()}
    return add_scores(texts, every).select(**broken)


def datatrove_filters(*, same_split: bool) -> dict[str, Any]:
    """Its filters, which split words and sentences as ours do or as they come."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.utils.word_tokenizers import WordTokenizer

    class SameSplit(WordTokenizer):  # type: ignore[misc]  # mypy does not look into peers
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return SENTENCE.findall(text)

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [found.span() for found in SENTENCE.finditer(text)]

    split = SameSplit() if same_split else "en"
    return {
        "gopher_quality": GopherQualityFilter(language=split),
        "gopher_repetition": GopherRepetitionFilter(language=split),
        "c4": C4QualityFilter(language=split),
        "fineweb": FineWebQualityFilter(language=split),
    }


def theirs(texts: list[str], filters: dict[str, Any]) -> list[dict[str, str]]:
    """For each document the families that drop it, with datatrove's reason."""
    from datatrove.data import Document

    found = []
    for number, text in enumerate(texts):
        reasons = {}
        for family, each in filters.items():
            verdict = each.filter(Document(text=text, id=str(number)))
            if verdict is not True:
                reasons[family] = verdict[1]
        found.append(reasons)
    return found


def differences(family: str, rules: list[list[str]], reasons: list[dict[str, str]]) -> Counter[str]:
    """The documents on which the verdicts differ, by the rule that drops them on one side."""
    found: Counter[str] = Counter()
    for broken, reason in zip(rules, reasons, strict=True):
        if broken and family not in reason:
            found[f"only ours drops: {' + '.join(broken)}"] += 1
        elif not broken and family in reason:
            found[f"only datatrove drops: {reason[family]}"] += 1
    return found


def main() -> None:
    """Print the rates, the agreement and every kind of difference."""
    scale = read_scale(__doc__)
    frame = documents(scale)
    families, texts = blocks(), frame["text"].to_list()
    judged = ours(frame, families)
    works: dict[str, Callable[[], object]] = {"ours": lambda: [ours(frame, families) for _ in range(REPEATS)]}
    done = {"ours": REPEATS * len(texts)}
    reasons: list[dict[str, str]] = []
    if installed("datatrove"):
        peers = datatrove_filters(same_split=True)
        reasons = theirs(texts, peers)
        works["datatrove"], done["datatrove"] = lambda: theirs(texts, peers), len(texts)
    if installed("datatrove") and installed("spacy"):
        as_it_comes, few = datatrove_filters(same_split=False), texts[::EVERY]
        theirs(few[:1], as_it_comes)  # loads spaCy
        works["datatrove/own_split"], done["datatrove/own_split"] = lambda: theirs(few, as_it_comes), len(few)
    seconds = interleaved(ROUNDS[scale], works)
    rates = {name: [done[name] / each for each in seconds[name]] for name in works}
    ratios = {name: [a / b for a, b in zip(rates["ours"], rates[name], strict=True)] for name in works}

    print_versions("datatrove", "spacy", "numba", "polars")
    words = sum(len(text.split()) for text in texts) / len(texts)
    print(f"{len(texts):,} English pages of {words:,.0f} words on average, {ROUNDS[scale]} rounds: median (range)\n")
    table = [(name, spread(rates[name]), spread(ratios[name])) for name in works]
    print_table(["filters", "documents per CPU-second", "ours is so many times faster"], table)
    print()
    agreement, rows = {}, []
    for family in families if reasons else {}:
        found = differences(family, judged[family].to_list(), reasons)
        agreement[family] = 1 - found.total() / len(texts)
        dropped = sum(family in each for each in reasons)
        rows.append((family, f"{agreement[family]:.2%}", f"{dropped:,}", f"{(judged[family].list.len() > 0).sum():,}"))
        for what, count in found.most_common():
            rows.append((f"  {what}", f"{count}", "", ""))
    print_table(["verdicts", "agree", "datatrove drops", "ours drops"], rows)
    print_result(
        "filters",
        {name: spread(ratios[name]).median for name in works if name != "ours"},
        ({"agreement": min(agreement.values())} if agreement else {})
        | {f"agreement/{family}": share for family, share in agreement.items()}
        | {name: spread(rates[name]).median for name in works}
        | {"documents": len(texts), "words_per_document": words},
    )


if __name__ == "__main__":
    main()
