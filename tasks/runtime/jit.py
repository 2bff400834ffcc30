"""Compile loops over arrays to machine code with numba, once per machine."""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from tasks.runtime.cache_folder import user_cache_folder
from tasks.runtime.progress import log

# A state is a few MB of machine code. Each version of the code that is used on a machine has its own.
MAX_KEPT_STATES = 8
STATE = re.compile("[0-9a-f]{16}")

TASKS = Path(__file__).parents[1]

F = TypeVar("F", bound=Callable[..., Any])


def code_state() -> str:
    """Hash of all files with compiled functions, 16 hexadecimal digits.

    numba keeps machine code by the file of the function alone: it would go on using what it has when only a constant or
    a function of another file changed.
    """
    hashed = hashlib.sha256()
    for path in sorted(TASKS.rglob("*.py")):
        source = path.read_bytes()
        # Files with compiled functions name this module, since they import it. A file that only holds constants of
        # kernels, such as hashing.py, names it in its docstring to be among them.
        if __name__.encode() in source:
            hashed.update(source)
    return hashed.hexdigest()[:16]


def cache_for(folder: Path, state: str) -> Path:
    """Return the cache folder of a state, and remove all but the MAX_KEPT_STATES used last."""
    with contextlib.suppress(OSError):  # an unwritable folder keeps nothing, see `jit`
        (folder / state).mkdir(parents=True, exist_ok=True)
        # marks the state as used now, for the order below
        os.utime(folder / state)
        states = [path for path in folder.iterdir() if STATE.fullmatch(path.name)]
        for old in sorted(states, key=lambda path: path.stat().st_mtime, reverse=True)[MAX_KEPT_STATES:]:
            shutil.rmtree(old, ignore_errors=True)  # a process that still uses it compiles again
    return folder / state


def is_compiled(function: Any) -> bool:
    """Tell whether numba has machine code of a compiled function on disk, for any types of arguments."""
    code = function.py_func.__code__
    # numba's name for the index of a function: FILE.FUNCTION-LINE.PYTHON.nbi
    pattern = f"{Path(code.co_filename).stem}.{function.py_func.__qualname__}-{code.co_firstlineno}.*.nbi"
    return any(Path(function.stats.cache_path).glob(pattern))


def log_compilation(stage: str, kernel: Any) -> None:
    """Log that a stage's kernels are about to be compiled, unless they are already: it takes long.

    `kernel` is the compiled function that the stage always calls.
    """
    if not is_compiled(kernel):
        log.info("%s: compiling numba kernels (once per machine, up to a minute)", stage)


# Unless NUMBA_CACHE_DIR names a folder. This comes before the first `jit`: numba chooses the folder of a function when
# it decorates the function.
if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]
    _folder = cache_for(user_cache_folder() / "compiled", code_state())
    numba.config.CACHE_DIR = str(_folder)  # type: ignore[attr-defined]


def jit(function: F) -> F:
    """Compile with `numba.njit`, without the interpreter lock and cached on disk where that can be written."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba found neither the source folder nor the user's cache folder writable
        return cast("F", numba.njit(nogil=True)(function))


def jit_inline(function: F) -> F:
    """Compile a small part of a loop to be inlined: a call that passes arrays costs more than most such parts."""
    return cast("F", numba.njit(nogil=True, forceinline=True)(function))
