"""Traces one page through the stages: extracted, dropped by a filter, duplicate of a page, trained on or held out."""

from collections.abc import Iterator

import polars as pl
from pydantic import ValidationError

from flows.cli.inspect_store import read_document_ids
from flows.graph import STAGE_NAMES
from tasks.clean.settings import Clean
from tasks.crawl.settings import Crawl, FileTrace
from tasks.errors import StageFailure
from tasks.runtime.parquet_files import read_parquet, scan_parquet
from tasks.store import Artifact, Store
from tasks.store.manifest import Manifest

STATUS_WITH_BODY = 200  # of an index row whose page lies in this very crawl

ROW_MARK = "#row-"  # between a table's URL and the number of a row that has no URL of its own

Snapshot = dict[str, Artifact]
"""Stage → artifact of one snapshot"""


def trace_page(store: Store, name: str) -> str:
    """Trace a page, given by its URL or file, through the newest run: a line for each stage.

    Raises StageFailure when no crawl has stored it.
    """
    snapshots = list_snapshots(store)
    if not snapshots:
        raise StageFailure(f"{store.address} holds no crawl", "Run textmill run first")
    newest = snapshots[0]
    url, trace = resolve_page(store, newest["crawl"], name)
    if all(read_rows(snapshot["crawl"], "index", url=url).is_empty() for snapshot in snapshots):
        raise explain_missing_page(store, newest["crawl"], url, trace)
    head = f"looked at {', '.join(f'{stage} {artifact.key}' for stage, artifact in newest.items())}"
    return "\n".join([head, *trace_url(store, snapshots, url)])


def resolve_page(store: Store, crawl: Artifact, name: str) -> tuple[str, FileTrace]:
    """Return the URL of the page that a URL or file names, and what became of the file, as far as that is known."""
    manifest = store.manifest(crawl.stage, crawl.key)
    try:
        source = Crawl.model_validate(manifest.settings if manifest else {}).source.chosen
        url = source.resolve_url(name)
        is_stored = not read_rows(crawl, "index", url=url).is_empty()
        return url, FileTrace() if is_stored else source.trace_file(name.partition(ROW_MARK)[0])
    except (ValidationError, StageFailure):  # built by another version; the crawled files are gone
        return name, FileTrace()


def explain_missing_page(store: Store, crawl: Artifact, url: str, trace: FileTrace) -> StageFailure:
    """Return an error that says why a page was not stored."""
    if ROW_MARK in url and trace.omission:
        what = f"the crawl {crawl.key} has not stored {url}; of the table it left out {trace.omission}"
        return StageFailure(what, "See textmill settings crawl.source")
    if first_row := trace.first_row or find_table_row(crawl, url):
        left_out = f", but the crawl {crawl.key} left out {trace.omission}" if trace.omission else ""
        return StageFailure(f"each row of {url} is a page{left_out}", f"Ask for one: textmill trace '{first_row}'")
    if trace.omission:
        what = f"the crawl {crawl.key} left out {url}: {trace.omission}"
        return StageFailure(what, "See textmill settings crawl.source")
    manifest = store.manifest(crawl.stage, crawl.key)
    skipped = manifest.counts.get("skipped", {}) if manifest else {}
    counts = ", ".join(f"{name}: {count:,}" for name, count in skipped.items())
    return StageFailure(
        f"the crawl {crawl.key} has not stored {url}" + (f"; it left out {counts}" if counts else ""),
        "See textmill lineage KEY --pages for the addresses it has",
    )


def find_table_row(crawl: Artifact, url: str) -> str:
    """Return the URL of the first row of a table of pages; empty for what is no table."""
    folder = crawl.folder_with("index/") / "index"
    rows = scan_parquet(sorted(folder.glob("*.parquet"))).filter(pl.col("url").str.starts_with(f"{url}{ROW_MARK}"))
    return next(iter(rows.select("url").head(1).collect()["url"]), "")


def list_snapshots(store: Store) -> list[Snapshot]:
    """Return the snapshots that the newest run worked on, the newest first; each from crawl on."""
    newest = store.newest_artifacts()
    last = next((newest[stage] for stage in reversed(STAGE_NAMES) if stage in newest), None)
    manifest = store.manifest(last.stage, last.key) if last else None
    if manifest is None:
        return []
    # a model, what is fine-tuned from it, and its evaluation have the tokens of all snapshots as inputs, other stages
    # their own stage's
    stage = "tokenize" if manifest.stage in ("pretrain", "finetune", "evaluate") else manifest.stage
    previous = [store.manifest(source.stage, source.key) for source in manifest.inputs if source.stage == stage]
    ends = [end for end in previous if end is not None] + ([manifest] if stage == manifest.stage else [])
    snapshots = [
        {name: store.artifact(member) for name, member in collect_stages(store, end).items()} for end in reversed(ends)
    ]
    return [snapshot for snapshot in snapshots if "crawl" in snapshot]


def collect_stages(store: Store, manifest: Manifest) -> dict[str, Manifest]:
    """Return an artifact and those that it was made from within its own snapshot, by stage, sources first."""
    stages: dict[str, Manifest] = {}
    for source in manifest.inputs:
        # inputs of the same stage are the previous snapshots
        source_manifest = store.manifest(source.stage, source.key) if source.stage != manifest.stage else None
        stages |= collect_stages(store, source_manifest) if source_manifest else {}
    return stages | {manifest.stage: manifest}


def trace_url(store: Store, snapshots: list[Snapshot], url: str) -> Iterator[str]:
    """Yield the lines of every stage, from the crawl on that has the page's bytes."""
    for snapshot in snapshots:
        for row in read_rows(snapshot["crawl"], "index", url=url).iter_rows(named=True):
            if row["status"] == STATUS_WITH_BODY:
                yield f"crawl     status {row['status']}, fetched {row['fetched_at']}"
                yield from trace_after_crawl(store, snapshot, snapshots, url)
                return
            original = row["refers_to"]
            if original is None:
                yield f"crawl     status {row['status']}, fetched {row['fetched_at']}"
            elif original == url:
                yield f"crawl     unchanged since {row['refers_to_at']}"
            else:
                yield f"crawl     the same bytes as {original}, which is traced instead:"
                yield from trace_url(store, snapshots, original)
                return


def read_rows(artifact: Artifact, folder_name: str, **equals: str) -> pl.DataFrame:
    """Read the rows of an artifact's Parquet files, in one folder of it, whose columns equal these values."""
    folder = artifact.folder_with(f"{folder_name}/") / folder_name
    if not list(folder.glob("*.parquet")):
        return pl.DataFrame()
    return scan_parquet(sorted(folder.glob("*.parquet"))).filter(**equals).collect()


def format_scores(store: Store, clean: Artifact, rules: list[str], documents: pl.DataFrame) -> list[str]:
    """Return a line for each filter that dropped a document: its score, and the bounds of what is kept."""
    manifest = store.manifest(clean.stage, clean.key)
    try:
        settings = Clean.model_validate(manifest.settings if manifest else {})
    except ValidationError:  # built by a version that had other settings
        return []
    return settings.describe_scores(rules, documents.row(0, named=True) if documents.height else {})


def trace_after_crawl(store: Store, snapshot: Snapshot, snapshots: list[Snapshot], url: str) -> Iterator[str]:
    """Yield the lines of the stages after crawl, up to where the page ended."""
    if "extract" not in snapshot:
        return
    for row in read_rows(snapshot["extract"], "failed", url=url).iter_rows(named=True):
        yield f"extract   no document: {row['reason']}"
    documents = read_rows(snapshot["extract"], "documents", url=url)
    for row in documents.iter_rows(named=True):
        yield f"extract   document {row['id']}, {row['language']}, {len(row['text']):,} characters"
    if "clean" in snapshot:
        for row in read_rows(snapshot["clean"], "dropped", url=url).iter_rows(named=True):
            yield f"clean     dropped by {', '.join(row['rules'])}"
            document = documents.filter(pl.col("id") == row["id"])
            yield from (f"          {line}" for line in format_scores(store, snapshot["clean"], row["rules"], document))
    for document_id in documents["id"].to_list() if documents.width else []:
        yield from trace_after_clean(snapshot, snapshots, document_id)


def trace_after_clean(snapshot: Snapshot, snapshots: list[Snapshot], document_id: str) -> Iterator[str]:
    """Yield whether a document was kept or a duplicate, and which split it is in."""
    if "clean" in snapshot and not read_rows(snapshot["clean"], "documents", id=document_id).is_empty():
        yield "clean     kept"
    if "dedup" in snapshot:
        folder = snapshot["dedup"].folder_with("clusters.parquet")
        clusters = read_parquet(folder / "clusters.parquet").filter(pl.col("id") == document_id)
        # ne_missing, because `!=` with a null gives null, and the filter would leave out the documents without a
        # kept_id
        is_dropped = (pl.col("kind") != "leader") & pl.col("kept_id").ne_missing(document_id)
        for row in clusters.filter(is_dropped).iter_rows(named=True):
            kept_id = row["kept_id"] or "a document that was dropped for its contents"
            kept_rows = [read_rows(other["dedup"], "documents", id=kept_id) for other in snapshots if "dedup" in other]
            url = next((rows["url"][0] for rows in kept_rows if not rows.is_empty()), kept_id)
            yield f"dedup     dropped: {row['kind']} duplicate of {url} (similarity {row['similarity']:.2f})"
        if not read_rows(snapshot["dedup"], "documents", id=document_id).is_empty():
            yield "dedup     kept"
    if "tokenize" in snapshot:
        if not read_rows(snapshot["tokenize"], "heldout", id=document_id).is_empty():
            yield "tokenize  held out of training, for evaluation"
        for split in ("train", "validation"):
            if document_id in read_document_ids(snapshot["tokenize"], split):
                yield f"tokenize  in the {split} split"
