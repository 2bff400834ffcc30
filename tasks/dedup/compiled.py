"""Compile a loop over arrays to machine code, once a machine."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`numba.njit` without the interpreter lock, kept on disk between processes where that can be written."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba found neither the source folder nor the user's cache folder writable
        return cast("F", numba.njit(nogil=True)(function))
