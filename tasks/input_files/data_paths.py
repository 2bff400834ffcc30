"""Paths of data files that may lead into archives: `data.zip/train.tsv` is a file of `data.zip`.

All functions take such paths beside ordinary ones. A packed file such as `train.tsv.gz` is read as `train.tsv`.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.errors import BadSetting, StageFailure
from tasks.input_files.archives import is_archive, open_archive, strip_packing_suffix, unpack_file
from tasks.input_files.encoding import decode_text, is_binary
from tasks.runtime.log_once import log_once

HEAD_BYTES = 1 << 16

log = logging.getLogger("textmill.files")


def find_archive(path: Path) -> tuple[Path, str] | None:
    """Return the archive that a path leads into, and the rest of the path; None for an ordinary path."""
    for parent in (path, *path.parents):
        if is_archive(parent.name) and parent.is_file():
            return parent, path.relative_to(parent).as_posix().removeprefix(".")
    return None


def is_data_file(path: Path) -> bool:
    """Return whether there is a file at a path. An archive is no file, but a folder."""
    location = find_archive(path)
    if location is None:
        return path.is_file()
    archive, name = location
    return name in open_archive(archive).names


def is_data_folder(path: Path) -> bool:
    """Return whether a path is a folder, an archive, or a folder in an archive."""
    location = find_archive(path)
    if location is None:
        return path.is_dir()
    archive, name = location
    return not name or any(member.startswith(f"{name}/") for member in open_archive(archive).names)


def list_data_files(folder: Path) -> list[Path]:
    """List all files below a folder or in an archive, sorted; also those in archives below the folder.

    Hidden files, and folders that begin with a dot, are left out.
    """
    location = find_archive(folder)
    if location is not None:
        archive, name = location
        prefix = f"{name}/" if name else ""
        return sorted(archive / member for member in open_archive(archive).names if member.startswith(prefix))
    return sorted(_walk_folder(folder))


def _walk_folder(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk_folder(path)
        elif path.is_file():
            yield from list_data_files(path) if is_archive(path.name) else [path]


def list_subfolders(folder: Path) -> list[Path]:
    """List the folders and archives directly in a folder or an archive, sorted."""
    if find_archive(folder) is None:
        return sorted(path for path in folder.iterdir() if is_data_folder(path) and not path.name.startswith("."))
    depth = len(folder.parts)
    return sorted({Path(*file.parts[: depth + 1]) for file in list_data_files(folder) if len(file.parts) > depth + 1})


def get_data_suffix(path: Path) -> str:
    """Return the suffix of a file in small letters, without that of its packing: `.tsv` of `train.TSV.gz`."""
    return Path(strip_packing_suffix(path.name)).suffix.lower()


def count_suffixes(files: Iterable[Path]) -> str:
    """Return how many files have each suffix, the six most frequent ones: `.png 1,200, without a suffix 3`."""
    counts = Counter(get_data_suffix(file) or "without a suffix" for file in files)
    return ", ".join(f"{suffix} {count:,}" for suffix, count in counts.most_common(6))


def get_data_stem(path: Path) -> str:
    """Return a file's name without its suffix and that of its packing: `train` of `train.tsv.gz`."""
    return Path(strip_packing_suffix(path.name)).stem


def read_data_bytes(path: Path, setting: str) -> bytes:
    """Return the unpacked content of a file. Raises StageFailure where it is missing or broken.

    `setting` is named in the error as the one to correct.
    """
    location = find_archive(path)
    try:
        if location is None:
            content = path.read_bytes()
        else:
            archive, name = location
            content = open_archive(archive).read(name)
    except (FileNotFoundError, KeyError, NotADirectoryError) as error:
        raise BadSetting(f"the file {path} does not exist", f"Correct the path in {setting}") from error
    except OSError as error:
        raise StageFailure(f"{path} cannot be read: {error}", f"Give {setting} the path of a file") from error
    return unpack_file(content, path.name, str(path))


def read_data_head(path: Path, setting: str) -> bytes:
    """Return the first bytes of a file, unpacked: enough to tell its kind. Raises the errors of `read_data_bytes`."""
    if find_archive(path) is None and strip_packing_suffix(path.name) == path.name and path.is_file():
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    return read_data_bytes(path, setting)[:HEAD_BYTES]


def read_data_text(path: Path, setting: str, encoding: str = "") -> str:
    """Return the text of a file, line ends unchanged; its encoding is guessed where none is named.

    Raises StageFailure for a file that is missing, broken, or not in the named encoding.
    """
    content = read_data_bytes(path, setting)
    if not encoding and is_binary(content):
        raise StageFailure(f"{path} is no text file", f"Give {setting} another file, one of text")
    try:
        text, used = decode_text(content, encoding)
    except LookupError as error:
        raise BadSetting(f"there is no encoding {encoding!r}", f"Correct encoding in {setting}, as gb18030") from error
    except UnicodeDecodeError as error:
        raise StageFailure(
            f"{path} is not {encoding} at byte {error.start}", f"Correct encoding in {setting}, or leave it empty"
        ) from error
    if not encoding and used != "utf-8":
        tell_encoding(path, used, text.count("\ufffd"))
    return text


def tell_encoding(path: Path, encoding: str, num_broken: int) -> None:
    """Log the encoding that a file was read in."""
    broken = f", and {num_broken:,} characters are broken" if num_broken else ""
    log_once(log.info, "%s is read as %s, by its bytes%s", path, encoding, broken)


def resolve_real_file(path: Path) -> tuple[Path, str]:
    """Return the file on disk that holds what a path leads to, and the path within it; for hashes of contents."""
    location = find_archive(path)
    return (path, "") if location is None else location
