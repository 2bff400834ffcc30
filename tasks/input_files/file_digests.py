"""Hashes of data files, for keys."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.input_files.data_paths import resolve_real_file
from tasks.runtime.content_digest import hash_files_cached


class HashedFile(NamedTuple):
    """The hash of the file on disk that a path leads to, and the path within it: empty but for archives."""

    digest: bytes
    name: str


def hash_data_files(paths: Sequence[Path], algorithm: Literal["sha256", "blake2b-512"]) -> list[HashedFile]:
    """Hash each file; of a file in an archive the archive, which is hashed once however many files are in it."""
    locations = [resolve_real_file(path) for path in paths]
    real_files = list(dict.fromkeys(file for file, _ in locations))
    digests = dict(zip(real_files, hash_files_cached(real_files, algorithm), strict=True))
    return [HashedFile(digests[file], name) for file, name in locations]
