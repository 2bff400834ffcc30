"""Files that the user gives a filter: lists of words or addresses, folders of examples."""

from pathlib import Path

from tasks.errors import StageFailure
from tasks.input_files.text_files import read_lines
from tasks.runtime.content_digest import combine_digests, hash_files_cached


def list_files(path: str, setting: str) -> list[Path]:
    """Return the file, or all files below the folder, sorted. Raises StageFailure when there is none."""
    root = Path(path).expanduser()
    if not path:
        files = []
    elif root.is_file():
        files = [root]
    else:
        files = sorted(file for file in root.rglob("*") if file.is_file())
    if not files:
        problem = f"{path} holds no file" if path else f"{setting} is empty"
        raise StageFailure(
            f"{problem}, and its filter is enabled", f"Name a file with {setting}, or disable the filter"
        )
    return files


def digest_files(path: str, setting: str) -> str:
    """Return a digest of the files' content; names and places do not count. Raises StageFailure."""
    return combine_digests(hash_files_cached(list_files(path, setting), "blake2b-512"))


def read_entries(path: str, setting: str) -> list[str]:
    """Read the entries of a list, one a line, without blank lines and # comments. Raises StageFailure."""
    entries: dict[str, None] = {}
    for file in list_files(path, setting):
        entries |= dict.fromkeys(read_lines(file, setting, comment="#"))
    if not entries:
        raise StageFailure(f"{path} has no entry", f"Put one a line, or name another file with {setting}")
    return list(entries)
