"""Inputs given as a file, a folder, a pattern or a URL: list the files, open them, hash their contents."""

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tasks.crawl.counters import Tally
from tasks.crawl.inputs import remote
from tasks.crawl.web.credentials import FILES_HINT, refuse_credentials
from tasks.errors import BadSetting, StageFailure
from tasks.runtime.content_digest import combine_digests, hash_files_cached
from tasks.runtime.log_once import log_once

log = logging.getLogger("textmill.crawl")

MAX_NAMED_FILES = 20  # unusable ones of a kind that the log names; all are counted
MAX_DATE_MS = 253_402_300_800_000  # the year 10000, which no date of a record can be written in
LINK_TO_NOTHING, NO_REGULAR_FILE = "link to nothing", "no regular file"
UNREADABLE_FILE, UNREADABLE_FOLDER = "unreadable file", "unreadable folder"
LINK_TO_FOLDER, CHAINED_NAME = "link to a folder", "name with two colons, which is read as two URLs"
HINTS = {
    CHAINED_NAME: "Rename it",
    LINK_TO_NOTHING: "Remove the link, or restore what it points to",
    NO_REGULAR_FILE: "Take it out of the folder",
    UNREADABLE_FILE: "Give this user the permission to read it, or choose another path",
    UNREADABLE_FOLDER: "Give this user the permission to read it, or choose another path",
}


class UnreadableSource(StageFailure):
    """A file on this machine cannot be opened or read."""


class UnusablePath(NamedTuple):
    """An entry of a folder that cannot be read as a file, and why."""

    name: str
    problem: str  # a key of HINTS, or LINK_TO_FOLDER, which is no error


class FileListing(NamedTuple):
    """The folder or URL that an input lies in, the sorted names of its files relative to it, and what is no file."""

    root: str
    names: list[str]
    unusable: tuple[UnusablePath, ...] = ()


def list_files(path: str, setting: str) -> FileListing:
    """List the files of an input, without opening them.

    `path` is a file, a folder (all below it, but nothing that begins with a dot), or a pattern such as `docs/**/*.md`,
    here or behind a URL. Raises StageFailure, naming `setting`, when it is not set or does not exist, and Transient
    when a server does not answer.
    """
    if not path:
        raise BadSetting(f"{setting} is not set", "Set it to a file, a folder, or a pattern such as docs/**/*.html")
    if remote.is_remote(path):
        refuse_credentials([path], setting, FILES_HINT)
        url, names = remote.list_remote_files(path)
        chained = tuple(UnusablePath(name, CHAINED_NAME) for name in names if remote.CHAIN in name)
        return FileListing(url, [name for name in names if remote.CHAIN not in name], chained)
    local = Path(path.removeprefix("file://")).expanduser()
    # a file that exists is no pattern: its name may have a bracket
    if any(map(is_pattern, local.parts)) and not local.exists():
        root, pattern = split_pattern(local)
        matches = (match for match in root.glob(pattern) if not match.is_dir())
        return check_entries(str(root), chain(matches, find_unreadable(root) if "**" in pattern else ()))
    if local.is_dir():
        return check_entries(str(local), walk_folder(local))
    if local.is_file():
        return FileListing(str(local.parent), [local.name])
    if local.exists():
        raise BadSetting(f"{format_path(str(local))} is neither a file nor a folder", f"Correct {setting}")
    raise BadSetting(f"{format_path(str(local))} does not exist", f"Correct {setting}")


def split_pattern(local: Path) -> tuple[Path, str]:
    """Return the folder that a pattern begins with, and the rest of the pattern.

    A part such as `x [v2]` belongs to the folder if that exists.
    """
    root, *parts = [Path(part) for part in local.parts]
    if is_pattern(str(root)):
        root, parts = Path(), [root, *parts]
    while len(parts) > 1 and (not is_pattern(str(parts[0])) or (root / parts[0]).exists()):
        root /= parts.pop(0)
    return root, Path(*parts).as_posix()


def is_pattern(part: str) -> bool:
    """Return whether a part of a path is a glob pattern."""
    return any(character in part for character in "*?[")


def walk_folder(folder: Path) -> Iterator[Path | UnusablePath]:
    """Yield all entries below a folder but folders, those that cannot be listed, and nothing that begins with a dot."""
    failures: list[OSError] = []
    for path, folder_names, file_names in os.walk(folder, onerror=failures.append):
        # os.walk goes into those that remain, and into no link
        folder_names[:] = [name for name in folder_names if not name.startswith(".")]
        for name in folder_names:
            if Path(path, name).is_symlink():
                yield UnusablePath(Path(path, name).relative_to(folder).as_posix(), LINK_TO_FOLDER)
        yield from (Path(path, name) for name in file_names if not name.startswith("."))
    for failure in failures:
        yield UnusablePath(Path(os.fsdecode(failure.filename)).relative_to(folder).as_posix(), UNREADABLE_FOLDER)


def find_unreadable(root: Path) -> Iterator[UnusablePath]:
    """Yield the folders that a pattern passes over in silence, because they may not be read."""
    entries = (entry for entry in walk_folder(root) if isinstance(entry, UnusablePath))
    yield from (entry for entry in entries if entry.problem == UNREADABLE_FOLDER)


def check_entries(root: str, entries: Iterable[Path | UnusablePath]) -> FileListing:
    """Tell files from what would stop or hang their reader: links to nothing, named pipes, sockets, devices."""
    names: list[str] = []
    unusable: list[UnusablePath] = []
    for entry in entries:
        if isinstance(entry, UnusablePath):
            unusable.append(entry)
            continue
        name = entry.relative_to(root).as_posix()
        if problem := find_problem(entry):
            unusable.append(UnusablePath(name, problem))
        else:
            names.append(name)
    # by their bytes: the order, and so the shards, must not depend on the locale
    unusable.sort(key=lambda path: os.fsencode(path.name))
    return FileListing(root, sorted(names, key=os.fsencode), tuple(unusable))


def find_problem(path: Path) -> str:
    """Return why an entry of a folder cannot be read as a file; empty for a file that can."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return LINK_TO_NOTHING
    except OSError as error:  # ELOOP: a link that leads back to itself
        return LINK_TO_NOTHING if path.is_symlink() and not isinstance(error, PermissionError) else UNREADABLE_FILE
    if not stat.S_ISREG(mode):
        return NO_REGULAR_FILE
    return "" if os.access(path, os.R_OK) else UNREADABLE_FILE


def refuse_or_count_unusable(
    listing: FileListing, is_wanted: Callable[[str], bool], tally: Tally, section: str, *, skip_broken: bool
) -> None:
    """Count and log what a listing could not read; raise BadSetting for it unless broken files are skipped.

    Of what is no folder, only names that `is_wanted` accepts count: a socket beside the pages is no page. `section` is
    where on_error stands in a recipe; empty where there is none.
    """
    for name, problem in listing.unusable:
        if problem not in (LINK_TO_FOLDER, UNREADABLE_FOLDER) and not is_wanted(name):
            continue
        path = format_path(join_path(listing.root, name))
        if problem != LINK_TO_FOLDER and not skip_broken:
            alternative = f", or set {section}.on_error to skip to leave it out" if section else ""
            raise BadSetting(f"{path} cannot be read: {problem}", HINTS[problem] + alternative)
        tally.count_skipped(problem)
        if tally.skipped[problem] <= MAX_NAMED_FILES:
            log_once(log.warning, "%s is left out: %s", path, problem)


def describe_error(path: str, error: OSError) -> UnreadableSource:
    """Return the error of a file that cannot be read as a StageFailure that names it."""
    message = f"{format_path(os.fsdecode(error.filename or path))} cannot be read ({error.strerror})"
    return UnreadableSource(message, HINTS[UNREADABLE_FILE])


def format_path(path: str) -> str:
    r"""Return a path for a message: bytes of its name that are no UTF-8, which no log can hold, as `\xe9`."""
    return path if remote.is_remote(path) else os.fsencode(path).decode("utf-8", "backslashreplace")


def join_path(root: str, name: str) -> str:
    """Return the path or URL of a file in a folder or behind a URL."""
    return f"{root.rstrip('/')}/{name}" if remote.is_remote(root) else str(Path(root, name))


def open_file(path: str) -> BinaryIO:
    """Open a file for reading, here or behind a URL. Raises StageFailure."""
    if remote.is_remote(path):
        return remote.open_remote_file(path)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise describe_error(path, error) from error


def encode_name(root: str, name: str) -> bytes:
    """Return the bytes of a file's name: those on its disk, whatever the locale reads into them; UTF-8 behind a URL."""
    return name.encode("utf-8", "replace") if remote.is_remote(root) else os.fsencode(name)


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
        raise describe_error(root, error) from error
    # a name has no zero byte, so the byte marks its end
    pairs = zip(names, file_digests, strict=True)
    return combine_digests(encode_name(root, name) + b"\0" + digest for name, digest in pairs)


def get_modified_ms(path: str) -> int:
    """Return when a file was last written, in milliseconds since 1970; 0 where that is unknown or no possible date."""
    try:
        modified = (
            remote.fetch_modified_ms(path) if remote.is_remote(path) else Path(path).stat().st_mtime_ns // 1_000_000
        )
    except OSError as error:
        raise describe_error(path, error) from error
    return modified if 0 <= modified < MAX_DATE_MS else 0
