"""The handle of an artifact, and its files: where they are, or fetched from S3."""

from functools import lru_cache
from pathlib import Path

from tasks.block import Block
from tasks.errors import CorruptInput, StageFailure
from tasks.store.damage import mark_corrupt
from tasks.store.local import LocalBackend
from tasks.store.manifest import MANIFEST_NAME, ArtifactRef, Manifest
from tasks.store.read_check import advise_rebuild, find_corrupt_files
from tasks.store.s3 import S3Backend
from tasks.store.s3_client import SCHEME


class Artifact(Block):
    """A handle of an artifact, as passed between stages."""

    stage: str
    """the stage that built it"""
    key: str
    """hash of stage, version, settings and content of the inputs"""
    digest: str
    """hash of its files"""
    path: str
    """its folder, or its address on S3"""

    @property
    def folder(self) -> Path:
        """Local folder with its files; from S3 they are fetched at the first access."""
        return self.folder_with("")

    def folder_with(self, *prefixes: str) -> Path:
        """Return a local folder with at least the files that begin so: `folder_with("summary.md", "documents/")`.

        The files are hashed first. Raises CorruptInput when one is not what the manifest says; the artifact then does
        not count as built any more.
        """
        if not self.path.startswith(SCHEME):
            self._check_files(prefixes)
            return Path(self.path)
        folder = local_copy(self.path, self.digest, prefixes)
        # Garbage collection may have removed the copies meanwhile, and a copy may have rotted. In the same call the
        # files that were fetched just now are not read again.
        manifest = read_manifest_file(folder)
        files = [file for file in manifest.files if file.path.startswith(prefixes or "")] if manifest else []
        if manifest is None or find_corrupt_files(folder, manifest, files):
            local_copy.cache_clear()
            folder = local_copy(self.path, self.digest, prefixes)
        return folder

    def _check_files(self, prefixes: tuple[str, ...]) -> None:
        folder, name = Path(self.path), f"{self.stage} {self.key}"
        manifest = read_manifest_file(folder)
        if manifest is None:
            if (folder / MANIFEST_NAME).exists():
                raise CorruptInput(f"{name}: {folder / MANIFEST_NAME} is corrupt", advise_rebuild(self.stage))
            return  # a folder that is not of a store
        if manifest.digest != self.digest:
            raise StageFailure(f"{self.path} was rebuilt with other bytes", "Start the same command again")
        files = [file for file in manifest.files if file.path.startswith(prefixes or "")]
        problems = find_corrupt_files(folder, manifest, files)
        if problems:
            mark_corrupt(LocalBackend(folder.parent.parent), manifest, problems.keys())
            path, problem = next(iter(problems.items()))
            more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
            raise CorruptInput(f"{name}: {folder / path} {problem}{more}", advise_rebuild(self.stage))

    @property
    def ref(self) -> ArtifactRef:
        """Reference for manifests: stage, key and digest."""
        return ArtifactRef(stage=self.stage, key=self.key, digest=self.digest)


def read_manifest_file(folder: Path) -> Manifest | None:
    """Read the manifest in an artifact's folder; None when there is none or it is corrupt."""
    path = folder / MANIFEST_NAME
    return Manifest.read(path.read_bytes()) if path.exists() else None


# By the digest too, so a rebuilt artifact is fetched anew. An error is not remembered.
@lru_cache
def local_copy(path: str, digest: str, prefixes: tuple[str, ...]) -> Path:
    """Fetch files of an artifact from S3 and return the local folder. Raises StageFailure."""
    address, stage, key = path.rsplit("/", 2)
    backend = S3Backend(address)
    manifest = Manifest.read(backend.read(f"{stage}/{key}/{MANIFEST_NAME}"))
    if manifest is None or manifest.digest != digest:
        reason = "does not exist any more" if manifest is None else "was rebuilt with other bytes"
        raise StageFailure(f"{path} {reason}", "Start the same command again")
    return backend.fetch(manifest, *prefixes)
