"""Compile a loop over arrays to machine code, once a machine."""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from tasks.cache import user_cache
from tasks.progress import log

KEPT = 8  # so many states, of a few MB each
STATE = re.compile("[0-9a-f]{16}")

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


def kept_in(folder: Path, state: str) -> Path:
    """Where the machine code of a state is kept. Only the last KEPT states in use stay: every change makes another."""
    with contextlib.suppress(OSError):  # then nothing is kept, see `compiled`
        (folder / state).mkdir(parents=True, exist_ok=True)
        os.utime(folder / state)
        states = [path for path in folder.iterdir() if STATE.fullmatch(path.name)]
        for old in sorted(states, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)  # a process that still uses it compiles again
    return folder / state


def announce(stage: str) -> None:
    """Say that the loops of a stage's folder are about to be compiled, unless that was done before: it takes long."""
    if not any(Path(numba.config.CACHE_DIR).glob(f"{stage}_*/*.nbi")):  # type: ignore[attr-defined]
        log.info("%s: its loops are compiled for this machine first, which takes up to a minute, once", stage)


if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]
    _folder = kept_in(user_cache() / "compiled", state_of_the_code())
    numba.config.CACHE_DIR = str(_folder)  # type: ignore[attr-defined]


def compiled(function: F) -> F:
    """`numba.njit` without the interpreter lock, kept on disk between processes where that can be written."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba found neither the source folder nor the user's cache folder writable
        return cast("F", numba.njit(nogil=True)(function))


def inlined(function: F) -> F:
    """The same for a small part of a loop: a call that hands over arrays costs more than most of such parts."""
    return cast("F", numba.njit(nogil=True, forceinline=True)(function))
