"""Inputs given as a file, a folder, a pattern or a URL: list the files, open them, hash their contents."""

import itertools
import os
from pathlib import Path
from typing import BinaryIO, NoReturn

from tasks.crawl.inputs import remote
from tasks.errors import BadSetting, StageFailure
from tasks.runtime.content_digest import combine_digests, hash_files_cached


def list_files(path: str, setting: str) -> tuple[str, list[str]]:
    """Return the folder or URL that an input lies in, and the sorted names of its files, relative to it.

    `path` is a file, a folder (all below it, but nothing that begins with a dot), or a pattern such as `docs/**/*.md`,
    here or behind a URL. Raises StageFailure, naming `setting`, when it is not set, does not exist or cannot be
    read, and Transient when a server does not answer.
    """
    if not path:
        raise BadSetting(f"{setting} is not set", "Set it to a file, a folder, or a pattern such as docs/**/*.html")
    if remote.is_remote(path):
        return remote.list_remote_files(path)
    local = Path(path.removeprefix("file://")).expanduser()
    # a file that exists is no pattern: its name may have a bracket
    if any(map(is_pattern, local.parts)) and not local.exists():
        root = Path(*itertools.takewhile(lambda part: not is_pattern(part), local.parts))
        matches = (match for match in root.glob(local.relative_to(root).as_posix()) if match.is_file())
        return str(root), sorted(match.relative_to(root).as_posix() for match in matches)
    if local.is_file():
        return str(local.parent), [local.name]
    if not local.is_dir():
        raise BadSetting(f"{local} does not exist", f"Correct {setting}")
    file_names: list[str] = []
    for folder, folders, names in os.walk(local, onerror=raise_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]  # os.walk goes into those that remain
        file_names += [Path(folder, name).relative_to(local).as_posix() for name in names if not name.startswith(".")]
    return str(local), sorted(file_names)


def is_pattern(part: str) -> bool:
    """Return whether a part of a path is a glob pattern."""
    return any(character in part for character in "*?[")


def raise_unreadable(error: OSError) -> NoReturn:
    """Raise the error of a file that cannot be read as a StageFailure that names it."""
    message = f"{error.filename} cannot be read ({error.strerror})"
    raise StageFailure(message, "Give this user the permission to read it, or choose another path") from error


def join_path(root: str, name: str) -> str:
    """Return the path or URL of a file in a folder or behind a URL; a name that is a URL is returned unchanged."""
    if remote.is_remote(name):
        return name
    return f"{root.rstrip('/')}/{name}" if remote.is_remote(root) else str(Path(root, name))


def open_file(path: str) -> BinaryIO:
    """Open a file for reading, here or behind a URL. Raises StageFailure."""
    if remote.is_remote(path):
        return remote.open_remote_file(path)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise_unreadable(error)


def compute_content_digest(root: str, names: list[str]) -> str:
    """Return the blake2b-128 digest of names and contents, hex: equal for a folder and its copies, wherever they lie.

    Behind a URL the server's word (size and ETag, or date of change) stands for the content, which is not downloaded.
    """
    try:
        if remote.is_remote(root):
            file_digests = [remote.fetch_version(join_path(root, name)).encode() for name in names]
        else:
            file_digests = hash_files_cached([Path(root, name) for name in names], "blake2b-128")
    except OSError as error:
        raise_unreadable(error)
    # A name has no zero byte, so the byte marks its end. surrogateescape: on Linux a name need not be UTF-8.
    pairs = zip(names, file_digests, strict=True)
    return combine_digests(name.encode("utf-8", "surrogateescape") + b"\0" + digest for name, digest in pairs)


def get_modified_ms(path: str) -> int:
    """Return when a file was last written, in milliseconds since 1970; 0 where a server does not say."""
    return remote.fetch_modified_ms(path) if remote.is_remote(path) else Path(path).stat().st_mtime_ns // 1_000_000
