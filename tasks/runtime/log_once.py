"""Log lines about inputs of the user, which a run reads several times: to plan, to check, and to work."""

from collections.abc import Callable

logged_lines: set[str] = set()
"""what this process has said"""


def log_once(write: Callable[..., None], message: str, *args: object) -> None:
    """Log a line by a logger's method, such as `log.warning`, unless this process has logged the same words before."""
    line = message % args
    if line not in logged_lines:
        logged_lines.add(line)
        write("%s", line)
