"""The user's cache folder, for files that can be made or fetched again."""

import os
from pathlib import Path


def user_cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/textmill`, else `~/.cache/textmill` (XDG base directory specification 0.8)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "textmill"
