"""Compile a loop over arrays to machine code, once a machine."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def state_of_the_code() -> str:
    """16 hexadecimal digits for all files with compiled functions.

    numba keeps machine code by the file of the function alone: it would go on using what it has when only a constant or
    a function of another file changed.
    """
    hashed = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        text = path.read_bytes()
        if b"compiled import" in text:
            hashed.update(text)
    return hashed.hexdigest()[:16]


if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = str(Path.home() / ".cache" / "textmill" / state_of_the_code())  # type: ignore[attr-defined]


def compiled(function: F) -> F:
    """`numba.njit` without the interpreter lock, kept on disk between processes where that can be written."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba found neither the source folder nor the user's cache folder writable
        return cast("F", numba.njit(nogil=True)(function))


def inlined(function: F) -> F:
    """The same for a small part of a loop: a call that hands over arrays costs more than most of such parts."""
    return cast("F", numba.njit(nogil=True, forceinline=True)(function))
