"""Sections of software documentation that an extractor loses whole.

The pages are those of Debian's packages python-django-doc and python3.11-doc, which Sphinx made: a <section> each, so
that what belongs to a section is known without a rule. They are downloaded by apt-get, where that works.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lxml import html

PACKAGES = ("python-django-doc", "python3.11-doc")
MIN_SECTION_WORDS = 10
MAX_FOUND = 0.1  # of a section's word pairs: no more than chance finds elsewhere
WORD = re.compile(r"\w+")
SECTIONS = "//section | //div[contains(concat(' ', @class, ' '), ' section ')]"


class LostSections(NamedTuple):
    """How many sections there are, and the headings of those that are lost, by page."""

    num_sections: int
    lost: list[str]


def load_documentation(every: int = 1) -> dict[str, bytes]:
    """Return each n-th page of the documentation packages by its name; none where they cannot be had."""
    folder = Path(tempfile.gettempdir()) / "textmill-benchmark-docs"
    for package in PACKAGES if shutil.which("apt-get") and shutil.which("dpkg") else ():
        target = folder / package
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = ["apt-get", "download", package]
            if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
                print(f"left out: {package} cannot be downloaded here")
                continue
            archive = next(folder.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg", "-x", str(archive), str(target)], check=True)
            archive.unlink()
    paths = sorted(path for path in folder.rglob("*.html") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths[::every]}


def list_sections(page: bytes) -> Iterator[tuple[str, list[str]]]:
    """Yield the heading and the words of each section, without those of the sections in it."""
    tree = html.fromstring(page)
    sections = tree.xpath(SECTIONS)
    for section in sections:
        inner = {id(part) for part in sections if part is not section}
        words = WORD.findall(" ".join(_read_own_text(section, inner)).lower())
        if len(words) >= MIN_SECTION_WORDS:
            yield " ".join(words[:6]), words


def _read_own_text(element: html.HtmlElement, inner: set[int]) -> Iterator[str]:
    """Yield the texts in an element, without those in the elements `inner`."""
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str) and child.tag not in {"script", "style"} and id(child) not in inner:
            yield from _read_own_text(child, inner)
        yield child.tail or ""


def count_lost_sections(pages: dict[str, bytes], extract: Callable[[bytes], str]) -> LostSections:
    """Extract each page, and find the sections of which nearly no word pair is in the text."""
    num_sections, lost = 0, []
    for name, page in pages.items():
        text = WORD.findall(extract(page).lower())
        pairs = set(pairwise(text))
        for heading, words in list_sections(page):
            own = list(pairwise(words))
            num_sections += 1
            if sum(pair in pairs for pair in own) <= MAX_FOUND * len(own):
                lost.append(f"{name}: {heading}")
    return LostSections(num_sections, lost)
