"""Fingerprints of data files for keys: the same for equal files, wherever they lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.input_files.data_paths import is_data_file, is_data_folder, list_data_files, resolve_real_file
from tasks.runtime.content_digest import hash_files_cached


def fingerprint_path(setting: str, path: Path) -> dict[str, Any]:
    """Return `{setting: names and hashes of the files at path}`; an empty dictionary where there is no file.

    A single file has its hash only.
    """
    if is_data_folder(path):
        files = list_data_files(path)
        # names without the folder, so that a moved folder has the same key; with the class that a subfolder stands for
        names = [file.relative_to(path).with_suffix("").as_posix() for file in files]
        fingerprints = [
            f"{name} {fingerprint}" for name, fingerprint in zip(names, fingerprint_files(files), strict=True)
        ]
        return {setting: fingerprints} if fingerprints else {}
    return {setting: fingerprint_files([path])} if is_data_file(path) else {}


def fingerprint_files(paths: Sequence[Path]) -> list[str]:
    """Return the suffix and the SHA-256 of each file; of a file in an archive the archive's, and its name in it."""
    locations = [resolve_real_file(path) for path in paths]
    # an archive of many files is hashed once
    real_files = list(dict.fromkeys(file for file, _ in locations))
    digests = dict(zip(real_files, hash_files_cached(real_files, "sha256"), strict=True))
    return [
        f"{path.suffix} {digests[file].hex()}{f' {name}' if name else ''}"
        for path, (file, name) in zip(paths, locations, strict=True)
    ]
