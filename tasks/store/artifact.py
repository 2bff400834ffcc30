"""The handle of an artifact, and its files: where they are, or fetched from S3."""

from functools import lru_cache
from pathlib import Path

from tasks.block import Block
from tasks.errors import StageFailure
from tasks.store.manifest import MANIFEST_NAME, ArtifactRef, Manifest
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
        """Return a local folder with at least the files that begin so: `folder_with("summary.md", "documents/")`."""
        if not self.path.startswith(SCHEME):
            return Path(self.path)
        folder = local_copy(self.path, self.digest, prefixes)
        if not folder.exists():  # garbage collection removed the copies meanwhile
            local_copy.cache_clear()
            folder = local_copy(self.path, self.digest, prefixes)
        return folder

    @property
    def ref(self) -> ArtifactRef:
        """Reference for manifests: stage, key and digest."""
        return ArtifactRef(stage=self.stage, key=self.key, digest=self.digest)


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
