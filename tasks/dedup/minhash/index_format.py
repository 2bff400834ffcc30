"""The scheme of an index: the settings that decide its keys, recorded in the metadata of every file of the index.

Keys of two indexes can be compared only where their schemes are equal, so mixing others is refused.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.minhash.bands import BandLayout, choose_layout
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure

METADATA_KEY = "textmill.dedup"
VERSION = 3  # of how words are folded and hashed, and of how keys are made of signatures
# The scheme's own names of settings stand in files, so they stay as they are: scheme → setting.
SETTING_NAMES = {
    "shingle": "ngram_size",
    "num_perm": "num_perm",
    "seed": "seed",
    "parts": "repeated_passages",
    "part_words": "min_passage_words",
}


def select_layout(settings: Dedup) -> BandLayout:
    """Return the bands that the settings ask for: none, when only exact copies are dropped."""
    if not settings.near_duplicates:
        return BandLayout(0, 1)
    return choose_layout(settings.threshold, settings.num_perm, settings.recall)


def describe_scheme(settings: Dedup) -> dict[str, Any]:
    """Return what decides signatures and keys. `affine32` names datasketch's permutations."""
    layout = select_layout(settings)
    scheme = {name: getattr(settings, setting) for name, setting in SETTING_NAMES.items()}
    if settings.repeated_passages == "none":
        del scheme["part_words"]  # decides nothing
    return scheme | {"scheme": "affine32", "normalisation": VERSION, "bands": layout.bands, "rows": layout.rows}


def make_index_metadata(settings: Dedup) -> dict[str, str]:
    """Return the schema metadata of the index's files.

    The Unicode version is recorded, and not compared: what a version adds to words hardly occurs in pages.
    """
    recorded = {"unicode": unicodedata.unidata_version, "threshold": settings.threshold}
    return {METADATA_KEY: json.dumps(describe_scheme(settings) | recorded, sort_keys=True)}


def read_scheme(folder: Path) -> dict[str, Any]:
    """Read the scheme of a dedup artifact. Raises StageFailure when it holds no index that this version reads."""
    files = sorted((folder / "bands").glob("*.parquet"))
    try:
        metadata = pq.read_schema(files[0]).metadata or {} if files else {}
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(f"{files[0]} cannot be read as Parquet ({error})", "Build its artifact again") from error
    if METADATA_KEY.encode() not in metadata:
        raise StageFailure(
            f"{folder} holds no index of kept documents", "Give an artifact of this version's dedup stage"
        )
    scheme: dict[str, Any] = json.loads(metadata[METADATA_KEY.encode()])
    return scheme


def require_same_scheme(folder: Path, scheme: dict[str, Any]) -> None:
    """Raise StageFailure unless the keys of a previous result can be compared with those of this scheme."""
    previous = read_scheme(folder)
    differences = [
        f"{SETTING_NAMES.get(name, name)} {previous.get(name)} instead of {value}"
        for name, value in scheme.items()
        if previous.get(name) != value
    ]
    if differences:
        raise StageFailure(
            f"{folder} was deduplicated with {', '.join(differences)}, so its keys cannot be compared",
            "Use its settings, or deduplicate the previous snapshots again with the new ones",
        )
