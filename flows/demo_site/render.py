"""Renders the whole site: worker processes render the modules, then links, indexes and robots.txt are added."""

import fcntl
import html
import json
import logging
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.demo_site.select_modules import STDLIB, hash_environment, select_modules
from tasks.runtime.progress import progress

log = logging.getLogger("textmill.demo")

VERSION = 1
"""Raise it when the pages' HTML changes, so that a cached site is rendered again."""

PRIVATE = "private"
"""A folder that robots.txt forbids: the standard library's underscore modules, which repeat public pages."""

MODULE_TIMEOUT = 60.0
"""Seconds after which a module that is being imported and rendered counts as hanging; high, for busy machines."""

# pydoc's links to MODULE.html or to an anchor; not those with a scheme, which lead to other sites.
LINK = re.compile(r'<a href="(?!\w+:)([^"#]*?)(\.html)?(#[^"]*)?"[^>]*>(.*?)</a>', re.DOTALL)

PageInfo = dict[str, dict[str, object]]
"""Module name → its worker's report: words, about"""


def render_site(folder: Path, workers: int) -> int:
    """Fill `folder` with the documentation of this environment and return the number of module pages.

    A folder that holds the site of the same environment stays as it is. Raises OSError when it cannot be written, and
    FileExistsError when it holds something else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two demos at the same time render once
        stamp = {"version": VERSION, "environment": hash_environment()}
        if (pages := _count_cached_pages(folder, stamp)) is not None:
            return pages
        draft = Path(f"{folder}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        pages = render_modules(draft, select_modules(), workers)
        (draft / ".site.json").write_text(json.dumps(stamp | {"pages": pages}), encoding="utf-8")
        if folder.exists():
            # a kill before the rename leaves no site, and the next start renders it again
            shutil.rmtree(folder)
        draft.rename(folder)
    return pages


def _count_cached_pages(folder: Path, stamp: Mapping[str, object]) -> int | None:
    file = folder / ".site.json"
    if not file.exists():
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} holds something that is not a demo site; remove it or name another folder")
        return None
    site = json.loads(file.read_text(encoding="utf-8"))
    return int(site["pages"]) if stamp.items() <= site.items() else None


def render_modules(
    folder: Path, modules: Mapping[str, list[str]], workers: int, seconds: float = MODULE_TIMEOUT
) -> int:
    """Render site folder → module names into `folder` (new or empty); returns the number of module pages."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    # torch, transformers and the standard library take longest; started last, one of them would run alone at the end
    order = sorted(modules, key=lambda name: (name not in {"torch", "transformers", STDLIB}, -len(modules[name])))
    with (
        tempfile.TemporaryDirectory() as scratch,
        ThreadPoolExecutor(workers) as pool,
        progress(total=sum(map(len, modules.values())), label="render documentation", unit="modules") as bar,
    ):
        raw = Path(scratch).resolve()
        renderers = RenderPool(raw, seconds, bar.update)
        running = {name: pool.submit(renderers.render_package, modules[name]) for name in order}
        try:
            pages_by_package = {name: running[name].result() for name in sorted(modules)}
        except BaseException:
            # the pool waits for its threads before the error gets out, so they are told to end
            renderers.stopped.set()
            raise
        pages = _write_site(folder, raw, {name: pages for name, pages in pages_by_package.items() if pages})
    log.info("rendered %d pages of %d packages in %.0f s", pages, len(pages_by_package), time.monotonic() - started)
    return pages


class RenderPool:
    """Runs worker processes; one that hangs or dies is replaced, and the module that it was rendering is left out."""

    def __init__(self, raw: Path, seconds: float, update: Callable[[int], None]) -> None:
        self.raw, self.seconds, self.update = raw, seconds, update
        self.counting = threading.Lock()
        self.stopped = threading.Event()

    def render_package(self, modules: list[str]) -> PageInfo:
        """Render one package's modules, in a process of their own so that packages do not change each other."""
        pages: PageInfo = {}
        rest = list(modules)
        while rest and not self.stopped.is_set():
            with self._worker(rest) as worker:
                try:
                    while rest and not self.stopped.is_set() and (line := _read_line(worker, self.seconds)):
                        report = json.loads(line)
                        self._count_module(rest.pop(0), report.get("error"))
                        if report["words"]:
                            pages[report["module"]] = report
                finally:
                    worker.kill()
            if rest and not self.stopped.is_set():
                # modules are reported in order, so the first of the rest is the one that it was busy with
                self._count_module(rest.pop(0), "it hung or crashed")
        return pages

    def _worker(self, modules: list[str]) -> "subprocess.Popen[bytes]":
        home = Path(tempfile.mkdtemp(dir=self.raw))
        return subprocess.Popen(  # noqa: S603 - our own module, and names of installed modules
            [sys.executable, "-P", "-m", "flows.demo_site.pydoc_worker", str(self.raw), str(home), *modules],
            cwd=home, env=_make_quiet_environment(home), bufsize=0,  # a buffered line would not be seen by `select`
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _count_module(self, module: str, error: str | None) -> None:
        if error:
            log.debug("%s is left out: %s", module, error)
        with self.counting:
            self.update(1)


def _read_line(worker: "subprocess.Popen[bytes]", seconds: float) -> bytes:
    """Read the worker's next line; empty when it died or took too long."""
    assert worker.stdout is not None
    ready, _, _ = select.select([worker.stdout], [], [], seconds)
    line = worker.stdout.readline() if ready else b""
    # a line without an end is what a crash left
    return line if line.endswith(b"\n") else b""


def _make_quiet_environment(home: Path) -> dict[str, str]:
    """Return an environment without display, network and user settings, in which hashes are the same every time."""
    root = Path(__file__).parents[2]
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), kept.get("PYTHONPATH")])),
        "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore",
        "HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(home), "MPLBACKEND": "agg", "COLUMNS": "80",
        "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error",
        "TF_CPP_MIN_LOG_LEVEL": "3", "DO_NOT_TRACK": "1", "NO_COLOR": "1",
    }  # fmt: skip


def _write_site(folder: Path, raw: Path, pages_by_package: Mapping[str, PageInfo]) -> int:
    """Write each page to its address, with links that exist; then the indexes and robots.txt."""
    addresses = {name: _page_address(package, name) for package, pages in pages_by_package.items() for name in pages}
    for package, pages in pages_by_package.items():
        home = f'<a href="/">Index</a> | <a href="/{package}/">{package}</a>'
        names = list(pages)
        for i, name in enumerate(names):
            near = [
                f'<a href="{addresses[other]}">{other}</a>' for other in names[max(i - 1, 0) : i + 2] if other != name
            ]
            body = LINK.sub(
                lambda link: _rewrite_link(link, addresses), (raw / f"{name}.html").read_text(encoding="utf-8")
            )
            title = f"{name}: {pages[name]['about']}" if pages[name]["about"] else name
            _write_page(folder, addresses[name], title, " | ".join([home, *near]), body)
        rows = {f'<a href="{addresses[name]}">{name}</a>': str(report["about"]) for name, report in pages.items()}
        _write_page(folder, f"/{package}/index.html", f"Modules of {package}", home, _render_list(rows))
    rows = {
        f'<a href="/{package}/">{package}</a>': f"{len(pages)} modules" for package, pages in pages_by_package.items()
    }
    _write_page(folder, "/index.html", "Documentation of Python and its installed packages", "", _render_list(rows))
    (folder / "robots.txt").write_text(f"User-agent: *\nDisallow: /{PRIVATE}/\n", encoding="utf-8")
    return len(addresses)


def _page_address(package: str, module: str) -> str:
    parts = module.split(".")
    if package == STDLIB:
        return f"/{PRIVATE if module.startswith('_') else STDLIB}/{'/'.join(parts)}.html"
    return f"/{'/'.join(parts)}.html" if len(parts) > 1 else f"/{package}/__init__.html"


def _rewrite_link(link: "re.Match[str]", addresses: Mapping[str, str]) -> str:
    """Rewrite pydoc's `module.html#name`; a module without a page keeps its name and loses the link."""
    target, _, anchor, text = link.groups()
    if not target and anchor:
        return link[0]
    if target in addresses:
        return f'<a href="{addresses[target]}{anchor or ""}">{text}</a>'
    return "" if target == "." else text


def _render_list(rows: Mapping[str, str]) -> str:
    return (
        "<dl>\n" + "\n".join(f"<dt>{link}</dt><dd>{html.escape(text)}</dd>" for link, text in rows.items()) + "\n</dl>"
    )


def _write_page(folder: Path, address: str, title: str, navigation: str, body: str) -> None:
    file = folder / address[1:]
    file.parent.mkdir(parents=True, exist_ok=True)
    head = f'<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n</head>'
    parts = [f"<nav>{navigation}</nav>", f"<main>\n{body}\n</main>", "<footer>Made with pydoc.</footer>"]
    file.write_text("\n".join(["<!DOCTYPE html>", head, "<body>", *parts, "</body>\n</html>\n"]), encoding="utf-8")
