"""Real English texts for benchmarks: web pages where a corpus is at hand, else the documentation of Python modules."""

import ast
import csv
import html
import itertools
import os
import random
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FEWEST_CHARACTERS = 400


def texts(count: int) -> tuple[str, list[str]]:
    """Where they come from, and so many texts, the same on every run; fewer when there are no more.

    `TEXTMILL_HTML_CORPUS` names a folder of HTML files with a `manifest.csv` of their `path` and `language`.
    """
    folder = os.environ.get("TEXTMILL_HTML_CORPUS", "")
    if folder:
        with Path(folder, "manifest.csv").open(newline="") as manifest:
            english = [Path(folder, row["path"]) for row in csv.DictReader(manifest) if row["language"] == "en"]
        return "web pages", spread_out(sorted(english), count, page_text)
    roots = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    files = sorted({path for root in roots for path in root.rglob("*.py") if path.stat().st_size > 4_000})
    return "docstrings of installed modules", spread_out(files, count, docstrings)


def make_html_pages(count: int) -> dict[str, str]:
    """HTML pages with a menu and a footer around a real text each, by that text."""
    _, found = texts(count)
    menu = "".join(f'<li><a href="/{number}.html">Page {number}</a></li>' for number in range(len(found)))
    return {text: _make_html_page(number, text, menu) for number, text in enumerate(found)}


def _make_html_page(number: int, text: str, menu: str) -> str:
    paragraphs = "".join(f"<p>{html.escape(' '.join(part.split()))}</p>" for part in text.split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page {number}</title></head><body>'
        f"<nav><ul>{menu}</ul></nav><main><h1>Page {number}</h1>{paragraphs}</main>"
        "<footer>All rights reserved.</footer></body></html>"
    )


def spread_out(files: list[Path], count: int, read: Callable[[Path], str]) -> list[str]:
    """The texts of files from all over the list that are long enough."""
    random.Random(0).shuffle(files)
    # a lone surrogate has no UTF-8
    found = (read(path).encode(errors="replace").decode() for path in files)
    return list(itertools.islice((text for text in found if len(text) >= FEWEST_CHARACTERS), count))


def page_text(path: Path) -> str:
    """The text of a page."""
    from resiliparse.extract.html2text import extract_plain_text

    html = path.read_text(encoding="utf-8", errors="replace")
    text: str = extract_plain_text(html, main_content=True, links=False)
    return text


def docstrings(path: Path) -> str:
    """All docstrings of a source file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escapes
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # files that test what a parser refuses
        return ""
    found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    return "\n\n".join(each for each in found if each)
