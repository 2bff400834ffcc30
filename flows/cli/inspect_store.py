"""Looks up artifacts for the commands that show a store."""

from flows.cli.stage_names import STAGE_NAMES
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import Manifest
from tasks.store.rebuild_reason import flatten_settings

MAX_COUNTS = 12  # of an artifact in a line


def find_manifest(store: Store, key: str) -> Manifest:
    """Return the one artifact whose key begins like this, or the newest one of a stage. Raises StageFailure."""
    manifests = store.manifests(key)[-1:] if key in STAGE_NAMES else []
    manifests = manifests or [manifest for manifest in store.manifests() if manifest.key.startswith(key)]
    if not manifests:
        problem = f"no {key} artifact" if key in STAGE_NAMES else f"no artifact with key {key}"
        raise StageFailure(f"{problem} in {store.address}", "See textmill ls for the stages and keys it has")
    if len({manifest.key for manifest in manifests}) > 1:
        names = ", ".join(f"{manifest.stage} {manifest.key}" for manifest in manifests)
        raise StageFailure(f"several keys begin with {key}: {names}", "Give more of its digits")
    return manifests[0]


def format_counts(manifest: Manifest) -> str:
    """Return an artifact's counts in one line."""
    counts = [
        f"{name.removeprefix('.')} " + (f"{value:,}" if isinstance(value, int) else f"{value:.4g}")
        for name, value in flatten_settings(manifest.counts, "").items()
        if isinstance(value, int | float)
    ]
    more = [f"and {len(counts) - MAX_COUNTS} more (textmill show {manifest.key})"] * (len(counts) > MAX_COUNTS)
    return ", ".join([*counts[:MAX_COUNTS], *more])


def read_document_ids(tokens: Artifact, *splits: str) -> set[str]:
    """Read the ids of the documents in some splits of a tokenize artifact."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load, and `ls` does not need it
    import pyarrow.ipc  # noqa: PLC0415

    ids: set[str] = set()
    folder = tokens.folder_with(*(f"{split}/" for split in splits))
    for shard in sorted(path for split in splits for path in (folder / split).glob("*.arrow")):
        with pa.memory_map(str(shard)) as source, pyarrow.ipc.open_file(source) as reader:
            ids.update(reader.read_all()["id"].to_pylist())
    return ids
