"""Files of one word, phrase or text a line."""

from pathlib import Path

from tasks.input_files.data_paths import read_data_text


def read_lines(path: Path, setting: str, *, comment: str | None = None) -> list[str]:
    """Return the lines of a file that are not empty, stripped of whitespace. Raises the errors of `read_data_text`.

    Lines that begin with `comment` are left out. There is no default: a text may begin with "#".
    """
    lines = [line.strip() for line in read_data_text(path, setting).splitlines()]
    return [line for line in lines if line and not (comment and line.startswith(comment))]
