"""Standard input is not for libraries: what they ask nobody answers, and what is written to it is for us."""

import os

STANDARD_INPUT = 0


def detach_standard_input() -> int:
    """Let this process read an empty standard input from now on; return a descriptor of the one that it had.

    A library that asks a question gets the end of the file, and raises. Processes that are started later have the empty
    one too, and do not inherit the returned descriptor.
    """
    empty = os.open(os.devnull, os.O_RDONLY)
    try:
        original = os.dup(STANDARD_INPUT)
    except OSError:  # it was closed before we began
        original = os.open(os.devnull, os.O_RDONLY)
    if empty != STANDARD_INPUT:
        os.dup2(empty, STANDARD_INPUT)
        os.close(empty)
    return original
