"""Selects the modules of this Python and its packages that become pages, by reading files: nothing is imported."""

import hashlib
import json
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

STDLIB = "python"
"""The standard library's folder on the site; every other package's folder is its import name."""

MAX_PAGES_PER_PACKAGE = 70
"""Pages a package at most, so that the largest packages do not drown the others."""

MIN_MODULES = 30
"""Packages with fewer documented modules cost a slow import for hardly any text."""

MIN_DOCSTRING_CHARS = 600
"""Docstring characters of a module; with fewer it cannot have 100 words."""

MAX_DOCSTRING_CHARS = 40_000
"""Longer pages take most of the time and are not read to their end by anyone."""

# build tools, this project, and what rewires the interpreter when imported
LEFT_OUT_PACKAGES = {
    "flows", "functorch", "isympy", "mypy", "mypyc", "pip", "pkg_resources", "pylab", "setuptools", "tasks",
    "torchgen", "wheel", "xdist",
}  # fmt: skip

# open a browser or a window, print, belong to test suites, or are not Python's own documentation
LEFT_OUT_STDLIB = {
    "antigravity", "curses", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "msilib", "pydoc_data",
    "test", "this", "tkinter", "turtle", "turtledemo", "venv",
}  # fmt: skip

# torch's C types repeat the text of Tensor for every element type: megabytes, and most of the rendering time
LEFT_OUT_MODULES = {"torch", "torch.cuda", "torch.sparse"}

# modules whose import runs a programme, needs a window, or belongs to tests, vendored copies and build scripts
LEFT_OUT_PARTS = re.compile(
    r"__main__|conftest|setup|tests?|_tests?|test_.*|.*_tests?|testing|_testing|_internal|idle_test|examples?|benchmarks?|asv_.*|"
    r"vendor|_vendor|vendored|_vendored|third_party|_?externals?|extern|_pb2.*|.*_pb2|.*_pb2_grpc|migrations|_migrations|"
    r"versions|_inductor|_dynamo|_functorch|dask_expr|otTables|otConverters|modular_.*|modeling_.*|distutils|backend_(gtk|qt|wx|mac|tk|nb|cairo|web).*|_backend_(gtk|tk).*|qt_.*|templates?|cli|.*-.*"
)

DOCSTRING = re.compile(rb'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL)


def select_modules(max_pages: int = MAX_PAGES_PER_PACKAGE) -> dict[str, list[str]]:
    """Return site folder → names of the modules to render, both sorted: those with the most docstring text."""
    folders = {STDLIB: dict(_list_stdlib_modules())} | _list_installed_modules()
    result = {}
    for folder, modules in sorted(folders.items()):
        documented = {
            name: size
            for name, file in modules.items()
            if MIN_DOCSTRING_CHARS <= (size := _count_docstring_chars(file)) <= MAX_DOCSTRING_CHARS
        }
        if len(documented) >= MIN_MODULES:
            result[folder] = sorted(
                sorted(documented, key=lambda name: (-documented[name], name))[
                    : max_pages * 2 if folder == STDLIB else max_pages
                ]
            )
    return result


def hash_environment() -> str:
    """Return a digest of the versions of Python and of every installed package: the same digest, the same site."""
    packages = sorted(
        {
            (distribution.name, distribution.version)
            for distribution in metadata.distributions()
            # this project is not on the site, so its version does not matter
            if distribution.name != "textmill"
        }
    )
    return hashlib.blake2b(json.dumps([sys.version, packages]).encode(), digest_size=16).hexdigest()


def _list_stdlib_modules() -> Iterator[tuple[str, Path]]:
    root = Path(sysconfig.get_path("stdlib"))
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        top = parts[0]
        if top in sys.stdlib_module_names and top not in LEFT_OUT_STDLIB and (name := _module_name(parts)):
            yield name, file
    for name in sorted(sys.builtin_module_names):
        if not name.startswith("_"):
            yield name, Path()


def _list_installed_modules() -> dict[str, dict[str, Path]]:
    packages: dict[str, dict[str, Path]] = {}
    for distribution in metadata.distributions():
        for file in distribution.files or ():
            if file.suffix != ".py" or file.parts[0].startswith(("_", "..")) or file.parts[0] in LEFT_OUT_PACKAGES:
                continue
            if name := _module_name(file.with_suffix("").parts):
                packages.setdefault(file.parts[0], {})[name] = Path(str(distribution.locate_file(file)))
    return packages


def _module_name(parts: tuple[str, ...]) -> str | None:
    """Return the dotted name for a file's path without its suffix, or None when the module is left out."""
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    if not parts or any(LEFT_OUT_PARTS.fullmatch(part) or not part.isidentifier() for part in parts):
        return None
    name = ".".join(parts)
    return None if name in LEFT_OUT_MODULES else name


def _count_docstring_chars(file: Path) -> int:
    """Estimate the characters of documentation in a source file; built-in modules always have enough."""
    if file == Path():
        return MIN_DOCSTRING_CHARS
    try:
        source = file.read_bytes()
    except OSError:
        return 0
    # every text in triple quotes: an estimate that needs no parser
    return sum(len(first or second) for first, second in DOCSTRING.findall(source))
