"""Upgrades a store that an earlier version wrote, by the tables of renamed settings."""

from collections.abc import Generator
from typing import Any

import yaml

from flows.graph import STAGES
from flows.renamed_settings.migration import load_renames
from tasks.store.backends import open_backend
from tasks.store.manifest import code_fingerprint
from tasks.store.upgrade import StoreUpgrade
from tasks.store.upgrade_plan import NameTranslation

OLD_FINGERPRINTS = {
    # by Python 3.11, 3.12, 3.13, whose syntax trees differ
    "crawl": ("b4758feab9735aa3", "b706133699a26186", "ad86be3696cee957"),
    "extract": ("d22582acfb44e885", "486f6bad8a6df022", "c4b6763f7c70f9c9"),
    "clean": ("d22582acfb44e885", "486f6bad8a6df022", "c4b6763f7c70f9c9"),
    "dedup": ("ab2b034b14aaa04e", "69f8a41d7859aa76", "e2991d847a6b74e3"),
    "tokenize": ("217d7814ed75e06f", "4d065162b4fa8c99", "9f56f8c897da2ceb"),
    "pretrain": ("9e9b48639c5b011f", "692dc682a71f3f7e", "1e091cec0b346ed3"),
    "evaluate": ("4e5d13d6ac01c660", "acbc62b9108230d1", "dea9a3f8c1ab0a20"),
}
"""Stage → fingerprints of its code at commit a4c71e3, the last code before everything was renamed.

A rename changes the fingerprint and no result. Other fingerprints stay as they are recorded, and `plan` warns that the
code changed.
"""


def upgrade_store(address: str, *, dry_run: bool) -> Generator[str, None, None]:
    """Upgrade a store and yield a line for each change. Raises StageFailure."""
    backend = open_backend(address)
    renames = load_renames()

    def rename_settings(stage: str, settings: dict[str, Any]) -> dict[str, Any]:
        section = STAGES[stage].section if stage in STAGES else stage
        return renames.rename(settings, section)

    def rename_recipe_file(text: bytes) -> bytes:
        recipe = yaml.safe_load(text)
        renamed = renames.rename(recipe) if isinstance(recipe, dict) else recipe
        return text if renamed == recipe else yaml.safe_dump(renamed, sort_keys=False).encode()

    vocabulary = NameTranslation(rename_settings, renames.rename, rename_recipe_file, update_fingerprint)
    if not (yield from StoreUpgrade(backend, vocabulary).run(dry_run=dry_run)):
        return
    drafts = sorted(path for path in backend.root.glob("*/.draft-*") if path.parent.name in STAGES)
    yield from (
        f"left as it is: {path}, which has no record of its settings; gc --drafts removes it" for path in drafts
    )
    studies = sorted((backend.root / "search").glob("study-*"))
    yield from (f"left as it is: {path}, a study of textmill search; textmill tune begins new ones" for path in studies)


def update_fingerprint(stage: str, fingerprint: str) -> str:
    """Return the fingerprint of the present code for that of the last code with the old names, else the same."""
    if fingerprint not in OLD_FINGERPRINTS.get(stage, ()):
        return fingerprint
    return code_fingerprint(*STAGES[stage].code)
