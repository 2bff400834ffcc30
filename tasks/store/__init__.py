"""The store: artifacts in a folder or on S3, their manifests, drafts and locks."""

from tasks.store.draft import Draft
from tasks.store.store import Artifact, Store

__all__ = ["Artifact", "Draft", "Store"]
