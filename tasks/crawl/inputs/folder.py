"""Inputs given as a file, a folder, a pattern or a URL: which files they are, how to open them, what they hold."""

import itertools
import os
from pathlib import Path
from typing import BinaryIO, NoReturn

from tasks.crawl.inputs import remote
from tasks.errors import BadSetting, StageFailure
from tasks.runtime.content_digest import combine_digests, hash_files_cached


def listing(path: str, setting: str) -> tuple[str, list[str]]:
    """The folder or URL that names are relative to, and the names of all files in it that are meant, sorted.

    `path` is a file, a folder (all below it, but nothing that begins with a dot), or a pattern such as `docs/**/*.md`,
    here or behind a URL. Raises StageFailure, naming `setting`, when it is not given, not there, or not readable, and
    Transient when a server does not answer.
    """
    if not path:
        raise BadSetting(f"{setting} is not set", "Set it to a file, a folder, or a pattern such as docs/**/*.html")
    if remote.is_remote(path):
        return remote.listing(path)
    here = Path(path.removeprefix("file://")).expanduser()
    if any(map(has_magic, here.parts)) and not here.exists():
        fixed = list(itertools.takewhile(lambda part: not has_magic(part), here.parts))
        root = Path(*fixed)
        matches = (match for match in root.glob(here.relative_to(root).as_posix()) if match.is_file())
        return str(root), sorted(match.relative_to(root).as_posix() for match in matches)
    if here.is_file():
        return str(here.parent), [here.name]
    if not here.is_dir():
        raise BadSetting(f"{here} does not exist", f"Correct {setting}")
    found: list[str] = []
    for folder, folders, names in os.walk(here, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name).relative_to(here).as_posix() for name in names if not name.startswith(".")]
    return str(here), sorted(found)


def has_magic(part: str) -> bool:
    """Whether a part of a path is a pattern."""
    return any(character in part for character in "*?[")


def unreadable(error: OSError) -> NoReturn:
    """Turn a refused file into a sentence."""
    what = f"{error.filename} cannot be read ({error.strerror})"
    raise StageFailure(what, "Give this user the permission to read it, or choose another path") from error


def joined(root: str, name: str) -> str:
    """The path or URL of a file; a name that is a URL already stays as it is."""
    if remote.is_remote(name):
        return name
    return f"{root.rstrip('/')}/{name}" if remote.is_remote(root) else str(Path(root, name))


def opened(path: str) -> BinaryIO:
    """A file, here or behind a URL, for reading. Raises StageFailure."""
    if remote.is_remote(path):
        return remote.opened(path)
    try:
        return Path(path).open("rb")
    except OSError as error:
        unreadable(error)


def content_digest(root: str, names: list[str]) -> str:
    """blake2b-128 over names and contents, hex: the same wherever the folder lies and whenever it was copied.

    Behind a URL the server's word (size and ETag, or date of change) stands for the content, which is not downloaded.
    """
    try:
        if remote.is_remote(root):
            own = [remote.version_of(joined(root, name)).encode() for name in names]
        else:
            own = hash_files_cached([Path(root, name) for name in names], "blake2b-128")
    except OSError as error:
        unreadable(error)
    pairs = zip(names, own, strict=True)
    return combine_digests(name.encode("utf-8", "surrogateescape") + b"\0" + digest for name, digest in pairs)


def modified(path: str) -> int:
    """When the file was last written, in milliseconds since 1970: stands for the time of fetching."""
    return remote.changed_at(path) if remote.is_remote(path) else Path(path).stat().st_mtime_ns // 1_000_000
