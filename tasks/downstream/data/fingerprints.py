"""Fingerprints of data files for keys: the same for equal files, wherever they lie."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.input_files.data_paths import is_data_file, is_data_folder, list_data_files
from tasks.input_files.file_digests import hash_data_files


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
    return [
        f"{path.suffix} {file.digest.hex()}{f' {file.name}' if file.name else ''}"
        for path, file in zip(paths, hash_data_files(paths, "sha256"), strict=True)
    ]
