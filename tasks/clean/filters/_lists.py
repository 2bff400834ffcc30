"""What the user gives beside the pages: lists of words or addresses, and folders of examples."""

import hashlib
from pathlib import Path

from tasks.errors import StageFailure


def files_of(path: str, setting: str) -> list[Path]:
    """The file, or all files below the folder, sorted. Raises StageFailure when there is none."""
    root = Path(path).expanduser()
    found = [root] if root.is_file() else sorted(each for each in root.rglob("*") if each.is_file()) if path else []
    if not found:
        what = f"{path} holds no file" if path else f"{setting} is empty"
        raise StageFailure(f"{what}, and its filter is enabled", f"Name a file with {setting}, or disable the filter")
    return found


def digest_of(path: str, setting: str) -> str:
    """What stands in the files, and not where they lie. Raises StageFailure."""
    hashed = hashlib.blake2b(digest_size=16)
    for file in files_of(path, setting):
        hashed.update(hashlib.blake2b(file.read_bytes()).digest())
    return hashed.hexdigest()


def lines_of(path: str, setting: str) -> list[str]:
    """The entries of a list, one a line; blank lines and those that begin with # are none. Raises StageFailure."""
    found: dict[str, None] = {}
    for file in files_of(path, setting):
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise StageFailure(
                f"{file} is not UTF-8 text", f"Convert it, or name another file with {setting}"
            ) from error
        found |= dict.fromkeys(line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] != "#")
    if not found:
        raise StageFailure(f"{path} has no entry", f"Put one a line, or name another file with {setting}")
    return list(found)
