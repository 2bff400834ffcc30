"""What became of one page: crawled, extracted, dropped by which rule, a duplicate of what, trained on or held out."""

from collections.abc import Iterator

import polars as pl
from pydantic import ValidationError

from flows.cli.inspect_store import token_ids
from flows.graph import NAMES
from tasks.clean.settings import Clean
from tasks.crawl.settings import Crawl
from tasks.errors import StageFailure
from tasks.store import Artifact, Store
from tasks.store.manifest import Manifest

WITH_BODY = 200  # the status of an index row whose page lies in this very crawl

Snapshot = dict[str, Artifact]


def page(store: Store, given: str) -> str:
    """The way of a page, given by its URL or file, through the newest run, a line a stage.

    Raises StageFailure when no crawl has stored it.
    """
    line = snapshots(store)
    if not line:
        raise StageFailure(f"{store.address} holds no crawl", "Run textmill run first")
    url, reason = meant(store, line[0]["crawl"], given)
    if all(rows(each["crawl"], "index", url=url).is_empty() for each in line):
        raise not_stored(store, line[0]["crawl"], url, reason)
    lines = [f"looked at {', '.join(f'{stage} {artifact.key}' for stage, artifact in line[0].items())}"]
    return "\n".join([*lines, *way(store, line, url)])


def meant(store: Store, crawl: Artifact, given: str) -> tuple[str, str]:
    """The URL of the page that somebody names by URL or file, and why it was left out, as far as that is known."""
    manifest = store.manifest(crawl.stage, crawl.key)
    try:
        source = Crawl.model_validate(manifest.settings if manifest else {}).source.chosen
        return source.address(given), source.why_left_out(given)
    except (ValidationError, StageFailure):  # built by another version; what was crawled is not there any more
        return given, ""


def not_stored(store: Store, crawl: Artifact, url: str, reason: str) -> StageFailure:
    """Why there is nothing to tell of a page."""
    if reason:
        return StageFailure(f"the crawl {crawl.key} left out {url}: {reason}", "See textmill settings crawl.source")
    of_rows = rows_of_table(crawl, url)
    if of_rows:
        return StageFailure(f"each row of {url} is a page", f"Ask for one: textmill why '{of_rows[0]}'")
    manifest = store.manifest(crawl.stage, crawl.key)
    skipped = manifest.counts.get("skipped", {}) if manifest else {}
    counted = ", ".join(f"{name}: {count:,}" for name, count in skipped.items())
    return StageFailure(
        f"the crawl {crawl.key} has not stored {url}" + (f"; it left out {counted}" if counted else ""),
        "See textmill why KEY --pages for the addresses it has",
    )


def rows_of_table(crawl: Artifact, url: str) -> list[str]:
    """The URLs of the first rows of a table of pages."""
    folder = crawl.folder_with("index/") / "index"
    found = pl.scan_parquet(folder / "*.parquet").filter(pl.col("url").str.starts_with(f"{url}#row-"))
    return found.select("url").head(1).collect()["url"].to_list()


def snapshots(store: Store) -> list[Snapshot]:
    """What the newest run worked on, snapshot by snapshot, the newest first: stage → artifact, crawl first."""
    newest = store.newest_artifacts()
    last = next((newest[stage] for stage in reversed(NAMES) if stage in newest), None)
    manifest = store.manifest(last.stage, last.key) if last else None
    if manifest is None:
        return []
    stage = "tokenize" if manifest.stage in ("pretrain", "evaluate") else manifest.stage
    earlier = [store.manifest(each.stage, each.key) for each in manifest.inputs if each.stage == stage]
    ends = [each for each in earlier if each is not None] + ([manifest] if stage == manifest.stage else [])
    found = [{name: store.artifact(each) for name, each in behind(store, end).items()} for end in reversed(ends)]
    return [each for each in found if "crawl" in each]


def behind(store: Store, manifest: Manifest) -> dict[str, Manifest]:
    """An artifact and what it was made from within its own snapshot, by stage, sources first."""
    found: dict[str, Manifest] = {}
    for each in manifest.inputs:
        inner = store.manifest(each.stage, each.key) if each.stage != manifest.stage else None
        found |= behind(store, inner) if inner else {}
    return found | {manifest.stage: manifest}


def way(store: Store, line: list[Snapshot], url: str) -> Iterator[str]:
    """From the crawl that has the page's bytes on, the lines of every stage."""
    for snapshot in line:
        for row in rows(snapshot["crawl"], "index", url=url).iter_rows(named=True):
            if row["status"] == WITH_BODY:
                yield f"crawl     status {row['status']}, fetched {row['fetched_at']}"
                yield from after_crawl(store, snapshot, line, url)
                return
            where = row["refers_to"]
            if where is None:
                yield f"crawl     status {row['status']}, fetched {row['fetched_at']}"
            elif where == url:
                yield f"crawl     unchanged since {row['refers_to_at']}"
            else:
                yield f"crawl     the same bytes as {where}, whose way this is:"
                yield from way(store, line, where)
                return


def rows(artifact: Artifact, part: str, **equals: str) -> pl.DataFrame:
    """The rows of the Parquet files in one folder of an artifact in which a column equals a value."""
    folder = artifact.folder_with(f"{part}/") / part
    if not list(folder.glob("*.parquet")):
        return pl.DataFrame()
    return pl.scan_parquet(folder / "*.parquet").filter(**equals).collect()


def measured(store: Store, clean: Artifact, rules: list[str], documents: pl.DataFrame) -> list[str]:
    """For each rule that dropped a document what it measured, and what stays."""
    manifest = store.manifest(clean.stage, clean.key)
    try:
        settings = Clean.model_validate(manifest.settings if manifest else {})
    except ValidationError:  # built by a version that had other settings
        return []
    return settings.describe_scores(rules, documents.row(0, named=True) if documents.height else {})


def after_crawl(store: Store, newest: Snapshot, line: list[Snapshot], url: str) -> Iterator[str]:
    """The lines of the later stages of a snapshot, up to where the page ended."""
    if "extract" not in newest:
        return
    for row in rows(newest["extract"], "failed", url=url).iter_rows(named=True):
        yield f"extract   no document: {row['reason']}"
    documents = rows(newest["extract"], "documents", url=url)
    for row in documents.iter_rows(named=True):
        yield f"extract   document {row['id']}, {row['language']}, {len(row['text']):,} characters"
    if "clean" in newest:
        for row in rows(newest["clean"], "dropped", url=url).iter_rows(named=True):
            yield f"clean     dropped by {', '.join(row['rules'])}"
            found = documents.filter(pl.col("id") == row["id"])
            yield from (f"          {each}" for each in measured(store, newest["clean"], row["rules"], found))
    for identity in documents["id"].to_list() if documents.width else []:
        yield from after_clean(newest, line, identity)


def after_clean(newest: Snapshot, line: list[Snapshot], identity: str) -> Iterator[str]:
    """Whether a document was a duplicate, and what it serves for."""
    if "clean" in newest and not rows(newest["clean"], "documents", id=identity).is_empty():
        yield "clean     kept"
    if "dedup" in newest:
        folder = newest["dedup"].folder_with("clusters.parquet")
        clusters = pl.read_parquet(folder / "clusters.parquet").filter(pl.col("id") == identity)
        went = (pl.col("kind") != "leader") & pl.col("kept_id").ne_missing(identity)
        for row in clusters.filter(went).iter_rows(named=True):
            name = row["kept_id"] or "a document that went for what its text held"
            kept = [rows(each["dedup"], "documents", id=name) for each in line if "dedup" in each]
            url = next((found["url"][0] for found in kept if not found.is_empty()), name)
            yield f"dedup     dropped: {row['kind']} duplicate of {url} (similarity {row['similarity']:.2f})"
        if not rows(newest["dedup"], "documents", id=identity).is_empty():
            yield "dedup     kept"
    if "tokenize" in newest:
        if not rows(newest["tokenize"], "heldout", id=identity).is_empty():
            yield "tokenize  held out of training, for evaluation"
        for split in ("train", "validation"):
            if identity in token_ids(newest["tokenize"], split):
                yield f"tokenize  in the {split} split"
