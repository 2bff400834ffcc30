"""One worker process: imports modules one after another and writes pydoc's page of each.

Started by render.py as `python -m flows.demo_site.pydoc_worker FOLDER SCRATCH MODULE…`. It may crash or hang at any
module; it prints one line of JSON a finished module, so that its parent knows which module to leave out.
"""

import importlib
import inspect
import json
import os
import pydoc
import re
import signal
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIN_WORDS = 100
"""Pages with fewer words of documentation are left out: a list of names is not text."""

MAX_WORDS = 60_000
"""Longer pages repeat one class's text for each of its aliases."""

MAX_DEFAULT_CHARS = 60
"""Characters of an argument's default value that a signature shows."""

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Paragraphs whose layout has a meaning: indented code, doctests, directives, lists, tables, fields.
PREFORMATTED = re.compile(r"^(\s|>>>|\.\. |[-*+=|]|:\w)", re.MULTILINE)

# Audit events that a module must not cause when it is imported.
FORBIDDEN = {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork",
             "os.posix_spawn", "os.exec", "os.kill", "webbrowser.open"}  # fmt: skip


Attribute = tuple[str, str, type, Any]
# pydoc's own function, kept here because `_prepare_process` puts another in its place.
_classified: Callable[[type], list[Attribute]] = vars(pydoc)["classify_class_attrs"]


class DocumentationPage(pydoc.HTMLDoc):
    """pydoc's own HTML, but docstrings become paragraphs and code blocks instead of hard spaces and line breaks."""

    def __init__(self) -> None:
        self.words = 0
        super().__init__()

    def markup(self, text: str, escape: Any = None, *context: Any, **named: Any) -> str:  # noqa: ARG002 - pydoc's
        self.words += len(text.split())
        blocks = [block for block in re.split(r"\n\s*\n", text.expandtabs().strip("\n")) if block.strip()]
        shaped = []
        for block in blocks:
            tag = "pre" if PREFORMATTED.search(block) else "p"
            shaped.append(f"<{tag}>{super().markup(block, self.escape, *context, **named)}</{tag}>")
        return "\n".join(shaped)

    def docother(self, object: Any, name: str | None = None, *_: Any, **__: Any) -> str:  # noqa: A002, ARG002 - pydoc's
        return f"<strong>{name}</strong>" if name else ""

    def bigsection(self, title: str, *args: str) -> str:
        # the values of a module are no text: this section would list nothing but __all__
        return "" if title == "Data" else super().bigsection(title, *args)

    def filelink(self, url: str, path: str) -> str:  # noqa: ARG002 - pydoc's
        return path


def render_module(module: types.ModuleType) -> tuple[str, int]:
    """Return a module's page as inner HTML, and its number of words of documentation."""
    page = DocumentationPage()
    everything = module.__dict__.get("__all__")
    # pydoc follows __all__: with it each object is on the page of the module that defines it, and on no other
    module.__dict__["__all__"] = [name for name in sorted(vars(module)) if _is_defined_here(name, module, everything)]
    try:
        html = page.document(module, module.__name__)
    finally:
        if everything is None:
            del module.__dict__["__all__"]
        else:
            module.__dict__["__all__"] = everything
    return html, page.words


def _is_defined_here(name: str, module: types.ModuleType, everything: Any) -> bool:
    thing = vars(module)[name]
    if name.startswith("_") or not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return False
    file = _find_defining_file(thing)
    if file and getattr(module, "__file__", None):
        return os.path.realpath(file) == os.path.realpath(str(module.__file__))
    owner = getattr(thing, "__module__", None) or module.__name__
    if owner == module.__name__:
        return everything is None or name in everything or inspect.isclass(thing)
    # written in C: on its public owner's page; those of private ones such as _functools are on no page
    elsewhere = not re.search(r"(^|\.)_", owner) and getattr(sys.modules.get(owner), name, None) is thing
    return everything is not None and name in everything and not elsewhere


def _find_defining_file(thing: Any) -> str | None:
    """Find the file that defines a function or class, by its code: libraries overwrite `__module__`."""
    owner = getattr(thing, "__module__", None)
    parts = [thing]
    if inspect.isclass(thing):
        parts = [part for part in vars(thing).values() if getattr(part, "__module__", owner) == owner]
    for part in parts:
        function = inspect.unwrap(getattr(part, "__func__", part))
        if isinstance(function, types.FunctionType):
            return function.__code__.co_filename
    return None


def _list_own_attributes(thing: type) -> list[Attribute]:
    """List what a class adds to its bases; inherited text is on the page of the class that it comes from."""
    return [
        (name, kind, owner, value)
        for name, kind, owner, value in _classified(thing)
        if owner is thing and kind != "data" and (not name.startswith("_") or _has_docstring(value))
    ]


def _has_docstring(value: Any) -> bool:
    function = getattr(value, "__func__", value)
    return isinstance(function, types.FunctionType) and bool(function.__doc__)


def _shorten_signature(thing: Any) -> inspect.Signature:
    """Return a signature without its long defaults: dumps of tables, of unordered sets, of the environment."""
    signature = inspect.signature(thing)
    short = [
        parameter
        if parameter.default is parameter.empty or _is_short(parameter.default)
        else parameter.replace(default=...)
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=short)


def _is_short(default: Any) -> bool:
    return not isinstance(default, (set, frozenset)) and len(repr(default)) <= MAX_DEFAULT_CHARS


def remove_machine_details(html: str, scratch: str) -> str:
    """Remove memory addresses and this machine's folders, so that two machines render the same bytes."""
    html = ADDRESS.sub("", html)
    folders = {os.path.realpath(path) for path in sys.path if path} | set(sys.path)
    # the longest first: of two folders, one within the other, the outer one would leave the rest of the inner one
    for folder in sorted(folders, key=len, reverse=True):
        if len(folder) > 1:
            html = html.replace(f"{folder}/", "")
    for folder in sorted({scratch, sys.prefix, sys.base_prefix, *folders}, key=len, reverse=True):
        if len(folder) > 1:
            html = html.replace(folder, "~")
    return html


def _refuse_side_effects(event: str, _: tuple[Any, ...]) -> None:
    if event in FORBIDDEN:
        raise PermissionError(f"{event} while importing")


def _prepare_process() -> None:
    """Make imports harmless and pydoc brief; this process does nothing else."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse_side_effects)
    vars(os)["getpid"] = lambda: 1  # some modules have their process id as a default value in a signature
    # for what has no docstring pydoc looks for comments, and parses the whole file each time: half of all the time
    brief = {"getcomments": lambda _: None, "signature": _shorten_signature}
    vars(pydoc).update(
        inspect=types.SimpleNamespace(**vars(inspect) | brief), classify_class_attrs=_list_own_attributes
    )


def main(folder: Path, scratch: str, modules: list[str]) -> None:
    """Render the modules in order; one line of JSON each on what was standard output."""
    # a copy, before standard output is silenced: what modules print must not mix with the reports
    channel = os.fdopen(os.dup(1), "w")
    _prepare_process()
    for name in modules:
        line: dict[str, object] = {"module": name, "words": 0}
        try:
            module = importlib.import_module(name)
            html, words = render_module(module)
            if MIN_WORDS <= words <= MAX_WORDS:
                (folder / f"{name}.html").write_text(
                    remove_machine_details(html, scratch), encoding="utf-8", errors="replace"
                )
                line |= {"words": words, "about": pydoc.splitdoc(pydoc.getdoc(module))[0]}
        except BaseException as error:  # noqa: BLE001 - foreign code at import may raise anything, SystemExit too
            line["error"] = f"{type(error).__name__}: {error}"[:200]
        channel.write(json.dumps(line) + "\n")
        channel.flush()
    os._exit(0)  # foreign threads and exit handlers are not waited for


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
