"""Folders as they lie on disks: names in any bytes, broken links, pipes, loops, files that are not what they seem."""

import contextlib
import gzip
import os
from pathlib import Path
from random import Random

NAMES = (
    b"caf\xe9.html", b"\xff\xfe.html", "文件.html".encode(), b"new\nline.html", b"tab\t.html", b"space .html",
    b"[x].html", b"*.html", b"?.html", b"{a,b}.html", b"%41.html", b"#frag.html", b"a:b.html", b"back\\slash.html",
    b"quote'\".html", b"-dash.html", b"UPPER.HTML", b"two.html.html", b"$HOME.html", b"~.html", b"\xe2\x80\xae.html",
    b"e\xcc\x81.html", b"\xc3\xa9.html", b"x" * 240 + b".html", b"semi;colon&and.html", b"<tag>.html", b"com1.html",
)  # fmt: skip


def write_folder(folder: Path, random_: Random, num_files: int) -> tuple[int, int]:
    """Write files with odd names and things that are no files; return the number of pages and of odd things.

    Each page says in its text which number it has: `page-17`.
    """
    folder.mkdir(parents=True)
    num_odd = 0
    for number in range(num_files):
        name = random_.choice(NAMES)
        below = os.fsencode(folder) + b"/%d" % number
        os.mkdir(below)  # noqa: PTH102 - names in bytes, which pathlib cannot hold
        with open(below + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(f"<html><body><p>This is page-{number}, with an odd name.</p></body></html>".encode())
        if random_.random() < 0.5:
            num_odd += add_odd_thing(random_, folder / str(number))
    return num_files, num_odd


def add_odd_thing(random_: Random, folder: Path) -> int:
    """Add something that is no readable page."""
    kind = random_.choice(("broken link", "loop", "pipe", "empty", "cut gzip", "no gzip", "folder", "binary"))
    path = folder / f"odd-{kind.replace(' ', '-')}.html"
    with contextlib.suppress(OSError):
        if kind == "broken link":
            path.symlink_to("nowhere.html")
        elif kind == "loop":
            (folder / "loop").symlink_to(folder)
            return 0  # what is behind it is the folder itself
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "empty":
            path.touch()
        elif kind == "cut gzip":
            path.with_name("cut.html.gz").write_bytes(gzip.compress(b"<p>A page that is cut off" * 90)[:-20])
        elif kind == "no gzip":
            path.with_name("no.html.gz").write_bytes(b"<p>This is not packed at all.")
        elif kind == "folder":
            path.mkdir()
            return 0
        else:
            path.write_bytes(random_.randbytes(3000))
    return 1
