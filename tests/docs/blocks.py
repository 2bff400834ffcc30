"""The code blocks of README.md and docs/: what is run, what is written to a file, what is not run and why."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- (not run|file): ([^\n]+?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class CodeBlock(NamedTuple):
    """A fenced block of a page, with the comment on the line before it."""

    page: str
    line: int
    language: str
    text: str
    file: str = ""
    """name that the block is saved under before the following ones run"""
    reason: str = ""
    """why the block is not run; empty when it is"""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[str]:
        """Yield the commands of a shell block, without comments, lines that end in a backslash joined."""
        for line in self.text.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s)#\s.*$", "", line).strip()
            if command:
                yield command


def read_blocks(page: Path) -> list[CodeBlock]:
    """Read the code blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        word, value, language, body = match.groups()
        blocks.append(
            CodeBlock(
                page.relative_to(ROOT).as_posix(),
                text.count("\n", 0, match.start(3)) + 1,
                language,
                body,
                file=value if word == "file" else "",
                reason=value if word == "not run" else "",
            )
        )
    return blocks
