"""The two back ends of a store, by its address."""

import re
from pathlib import Path

from tasks.errors import BadSetting
from tasks.store.local import LocalBackend
from tasks.store.s3 import S3Backend
from tasks.store.s3_client import SCHEME

Backend = LocalBackend | S3Backend


def open_backend(address: str) -> Backend:
    """Open the back end of a store's address. Raises BadSetting."""
    if address.startswith(SCHEME):
        return S3Backend(address)
    if re.match(r"[a-z0-9+]+://", address) and not address.startswith("file://"):
        hint = "Give a folder or s3://bucket/prefix with --store or TEXTMILL_STORE"
        raise BadSetting(f"the store {address} is not a folder, and not s3://", hint)
    root = Path(address.removeprefix("file://")).expanduser().absolute()
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir():
        what = (
            f"the store {root} is not a folder"
            if existing == root
            else f"the store {root} lies below {existing}, a file"
        )
        raise BadSetting(what, "Give a folder with --store or TEXTMILL_STORE")
    return LocalBackend(root)
