"""What makes two indexes comparable: it stands in the metadata of every file of an index, and mixing is refused."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.minhash.bands import Layout, layout
from tasks.dedup.settings import Dedup
from tasks.errors import StageFailure

METADATA = "textmill.dedup"
VERSION = 2  # of how words are folded and hashed, and of how keys are made of signatures


def layout_of(settings: Dedup) -> Layout:
    """The bands that these settings ask for: none, when only exact copies go."""
    return layout(settings.threshold, settings.num_perm, settings.recall) if settings.near else Layout(0, 1)


def scheme(settings: Dedup) -> dict[str, Any]:
    """What decides signatures and keys. `affine32` names datasketch's permutations."""
    of = layout_of(settings)
    chosen = settings.model_dump(include={"shingle", "num_perm", "seed"})
    chosen |= {"parts": settings.parts} | ({} if settings.parts == "none" else {"part_words": settings.part_words})
    return chosen | {"scheme": "affine32", "normalisation": VERSION, "bands": of.bands, "rows": of.rows}


def metadata(settings: Dedup) -> dict[str, str]:
    """For a Parquet schema. The Unicode version is recorded only: what it adds to words hardly occurs in pages."""
    recorded = {"unicode": unicodedata.unidata_version, "threshold": settings.threshold}
    return {METADATA: json.dumps(scheme(settings) | recorded, sort_keys=True)}


def written_scheme(folder: Path) -> dict[str, Any]:
    """The scheme of a dedup artifact. Raises StageFailure when it holds no index that this version reads."""
    files = sorted((folder / "bands").glob("*.parquet"))
    try:
        found = pq.read_schema(files[0]).metadata or {} if files else {}
    except (pa.ArrowInvalid, OSError) as error:
        raise StageFailure(f"{files[0]} cannot be read as Parquet ({error})", "Build its artifact again") from error
    if METADATA.encode() not in found:
        raise StageFailure(f"{folder} holds no index of what stays", "Give an artifact of this version's dedup stage")
    written: dict[str, Any] = json.loads(found[METADATA.encode()])
    return written


def refuse_other(folder: Path, settings: Dedup) -> None:
    """Raise StageFailure unless an earlier result has keys that can be compared with those of these settings."""
    written = written_scheme(folder)
    differs = [
        f"{name} {written.get(name)} instead of {value}"
        for name, value in scheme(settings).items()
        if written.get(name) != value
    ]
    if differs:
        raise StageFailure(
            f"{folder} was deduplicated with {', '.join(differs)}, so its keys cannot be compared",
            "Use its settings, or deduplicate the earlier snapshots again with the new ones",
        )
