"""Files given as a file, a folder or a pattern: which they are, and a digest of what they hold."""

import hashlib
import itertools
import os
from pathlib import Path
from typing import NoReturn

from tasks.failure import StageFailure

READ_BYTES = 1 << 20


def listing(path: str, setting: str) -> tuple[Path, list[str]]:
    """The folder that names are relative to, and the names of all files in it that are meant, sorted.

    `path` is a file, a folder (all below it, but nothing that begins with a dot), or a pattern such as `docs/**/*.md`.
    Raises StageFailure, naming `setting`, when it is not given, not there, or not readable.
    """
    if not path:
        raise StageFailure(f"{setting} is not set", "Set it to a file, a folder, or a pattern such as docs/**/*.html")
    here = Path(path).expanduser()
    if any(map(has_magic, here.parts)) and not here.exists():
        fixed = list(itertools.takewhile(lambda part: not has_magic(part), here.parts))
        root = Path(*fixed)
        matches = (match for match in root.glob(here.relative_to(root).as_posix()) if match.is_file())
        return root, sorted(match.relative_to(root).as_posix() for match in matches)
    if here.is_file():
        return here.parent, [here.name]
    if not here.is_dir():
        raise StageFailure(f"{here} does not exist", f"Correct {setting}")
    found: list[str] = []
    for folder, folders, names in os.walk(here, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name).relative_to(here).as_posix() for name in names if not name.startswith(".")]
    return here, sorted(found)


def has_magic(part: str) -> bool:
    """Whether a part of a path is a pattern."""
    return any(character in part for character in "*?[")


def unreadable(error: OSError) -> NoReturn:
    """Turn a refused file into a sentence."""
    what = f"{error.filename} cannot be read ({error.strerror})"
    raise StageFailure(what, "Give this user the permission to read it, or choose another path") from error


def content_digest(root: Path, names: list[str]) -> str:
    """blake2b-128 over names and contents, hex: the same wherever the folder lies and whenever it was copied."""
    whole = hashlib.blake2b(digest_size=16)
    for name in names:
        own = hashlib.blake2b(digest_size=16)
        try:
            with (root / name).open("rb") as file:
                while chunk := file.read(READ_BYTES):
                    own.update(chunk)
        except OSError as error:
            unreadable(error)
        whole.update(name.encode("utf-8", "surrogateescape") + b"\0" + own.digest())
    return whole.hexdigest()


def modified(path: Path) -> int:
    """When the file was last written, in milliseconds since 1970: stands for the time of fetching."""
    return path.stat().st_mtime_ns // 1_000_000
