"""The store: artifacts in a folder or on S3, their manifests, drafts and locks."""

from tasks.store.artifact import Artifact
from tasks.store.draft import Draft
from tasks.store.store import Store

__all__ = ["Artifact", "Draft", "Store"]
