"""Looking at a store and clearing it up: ls, show, why, verify, gc."""

import json
from collections.abc import Iterable
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.ipc

from flows.cli.parser import STAGES
from flows.text_table import size, table
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.local import GarbageCandidate
from tasks.store.manifest import ArtifactRef, Manifest
from tasks.store.rebuild_reason import flatten_settings

MOST_FIGURES = 12  # of an artifact in a line


def by_key(store: Store, key: str) -> Manifest:
    """The one artifact whose key begins like this, or the newest one of a stage. Raises StageFailure."""
    matching = store.manifests(key)[-1:] if key in STAGES else []
    matching = matching or [each for each in store.manifests() if each.key.startswith(key)]
    if not matching:
        what = f"no {key} artifact" if key in STAGES else f"no artifact with key {key}"
        raise StageFailure(f"{what} in {store.address}", "See textmill ls for the stages and keys it has")
    if len({each.key for each in matching}) > 1:
        several = ", ".join(f"{each.stage} {each.key}" for each in matching)
        raise StageFailure(f"several keys begin with {key}: {several}", "Give more digits")
    return matching[0]


def ls(store: Store) -> str:
    """Every artifact, oldest first."""
    found = store.manifests()
    if not found:
        return f"{store.address} is empty: textmill run or textmill demo fills it"
    head = ("STAGE", "KEY", "DIGEST", "FILES", "SIZE", "SECONDS", "FINISHED")
    rows = (
        (each.stage, each.key, each.digest[:8], str(len(each.files)), size(each.bytes), f"{each.seconds:.1f}",
         each.finished[:19].replace("T", " "))
        for each in found
    )  # fmt: skip
    return table([head, *rows])


def show(store: Store, key: str, *, every_setting: bool) -> str:
    """One artifact's manifest, for reading: counts, settings, files."""
    manifest = by_key(store, key)
    shown, left_out = settings_of(manifest, every_setting=every_setting)
    lines = [
        f"{manifest.stage} {manifest.key} (digest {manifest.digest}, version {manifest.version})",
        f"folder    {store.artifact(manifest).path}",
        f"built     {manifest.finished} in {manifest.seconds:.1f} s on {manifest.host}",
        *(f"input     {each.stage} {each.key} (digest {each.digest[:8]})" for each in manifest.inputs),
        "\nCOUNTS",
        json.dumps(manifest.counts, indent=2, ensure_ascii=False),
        "\nSETTINGS" if every_setting else "\nSETTINGS that differ from the defaults",
        *([table((f"  {name}", json.dumps(value, ensure_ascii=False)) for name, value in shown)] if shown else []),
        *([f"  {left_out} more at their default: --settings shows them"] if left_out else []),
        "\nFILES",
        table(
            (f"  {each.path}", size(each.bytes), f"{each.rows:,} rows" if each.rows else "") for each in manifest.files
        ),
    ]
    return "\n".join(lines)


def settings_of(manifest: Manifest, *, every_setting: bool) -> tuple[list[tuple[str, Any]], int]:
    """An artifact's settings as a recipe names them, and how many more are as they are when nothing is said."""
    from flows.recipe import Recipe  # noqa: PLC0415 - it loads every stage

    # the clean stage's settings decide extract too
    section = "clean" if manifest.stage == "extract" else manifest.stage
    found = flatten_settings(manifest.settings, section)
    usual = {} if every_setting else flatten_settings(getattr(Recipe(), section).model_dump(mode="json"), section)
    shown = [(name, value) for name, value in found.items() if value != usual.get(name, ...)]
    return shown, len(found) - len(shown)


def why(store: Store, key: str, *, pages: bool) -> str:
    """What an artifact was made from, back to the pages; with `pages` the address of every document behind it."""
    manifest = by_key(store, key)
    line = [*store.lineage(manifest.inputs), manifest]
    if pages:
        return "\n".join(documents_behind(store, line))
    lines = []
    for each in line:
        lines.append(f"{each.stage} {each.key}  built {each.finished[:19].replace('T', ' ')}")
        made_from = ", ".join(f"{one.stage} {one.key}" for one in each.inputs)
        made_from = made_from or f"what its settings name (textmill show {each.key})"
        lines.append(f"    from      {made_from}")
        lines.append(f"    counts    {figures(each) or 'none'}")
        code = f"version {each.version}, code {each.fingerprint}, textmill {each.packages.get('textmill', '-')}"
        lines.append(f"    made by   {code}")
    gone = [
        f"{one.stage} {one.key}" for each in line for one in each.inputs if store.manifest(one.stage, one.key) is None
    ]
    lines += [f"{each} is not in the store any more" for each in gone]
    return "\n".join([*lines, f"The documents behind it: textmill why {manifest.key} --pages"])


def figures(manifest: Manifest) -> str:
    """An artifact's counts, in a line that somebody reads."""
    found = [
        f"{name.removeprefix('.')} " + (f"{value:,}" if isinstance(value, int) else f"{value:.4g}")
        for name, value in flatten_settings(manifest.counts, "").items()
        if isinstance(value, int | float)
    ]
    more = [f"and {len(found) - MOST_FIGURES} more (textmill show {manifest.key})"] * (len(found) > MOST_FIGURES)
    return ", ".join([*found[:MOST_FIGURES], *more])


def without_pictures(markdown: str) -> str:
    """A summary as a terminal can show it."""
    return "\n".join(line for line in markdown.splitlines() if not line.startswith("![")).strip()


def documents_behind(store: Store, line: list[Manifest]) -> list[str]:
    """The addresses of the documents behind the last artifact of a lineage: of a model, those it was trained on."""
    with_documents = [each for each in line if rows_of(each)]
    if not with_documents:
        return []
    last = with_documents[-1]
    folder = store.artifact(last).folder_with(*rows_of(last))
    found = pl.concat([pl.read_parquet(folder / path) for path in rows_of(last)], how="vertical_relaxed")
    tokens = [store.artifact(each) for each in line if each.stage == "tokenize"]
    if tokens:
        found = found.filter(pl.col("id").is_in(token_ids(tokens[-1], "train", "validation")))
    return found["url"].to_list()


def rows_of(manifest: Manifest) -> list[str]:
    """The Parquet files of documents, or of pages, in an artifact."""
    return [each.path for each in manifest.files if each.path.startswith(("documents/", "index/"))]


def token_ids(tokens: Artifact, *splits: str) -> set[str]:
    """The documents in some splits of a tokens artifact."""
    found: set[str] = set()
    folder = tokens.folder_with(*(f"{split}/" for split in splits))
    for shard in sorted(path for split in splits for path in (folder / split).glob("*.arrow")):
        with pa.memory_map(str(shard)) as source, pyarrow.ipc.open_file(source) as reader:
            found.update(reader.read_all()["id"].to_pylist())
    return found


def sizes(found: Iterable[GarbageCandidate]) -> str:
    """What clearing up found, and how large it is."""
    return table((each.address, size(each.bytes)) for each in found)


def drafts(store: Store, needed: Iterable[ArtifactRef], unneeded: Iterable[GarbageCandidate]) -> str:
    """The drafts that clearing up leaves, and how they go; nothing when it leaves none."""
    gone = {each.address for each in unneeded}
    left = [each for each in store.find_garbage(needed, drafts=True) if each.address not in gone]
    if not left:
        return ""
    return f"{sizes(left)}\nof runs under way or interrupted, to go on from: gc --drafts removes what no run holds\n\n"


def verify(store: Store, *, full: bool) -> tuple[str, bool]:
    """Check every artifact's files; what is wrong, and whether all is well."""
    found = store.manifests()
    wrong = [problem for manifest in found for problem in store.find_problems(manifest, full=full)]
    how = "sha256" if full else "names and sizes"
    verdict = f"{len(found)} artifacts, {len(wrong)} problems ({how} checked)"
    return "\n".join([*wrong, verdict]), not wrong
