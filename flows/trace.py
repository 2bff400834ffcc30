"""What became of one page: crawled, extracted, dropped by which rule, a duplicate of what, trained on or held out."""

from collections.abc import Iterator

import polars as pl

from flows.chain import NAMES
from flows.look import token_ids
from tasks.failure import StageFailure
from tasks.manifest import Manifest
from tasks.store import Artifact, Store

REPEATED = 304  # the crawl's index gives this status to a page that repeats an earlier one's bytes


def page(store: Store, url: str) -> str:
    """The page's way through the newest run, a line a stage. Raises StageFailure when no crawl has seen it."""
    line = newest_line(store)
    if not line:
        raise StageFailure(f"{store.address} holds no crawl", "Run textmill run first")
    newest = {each.stage: store.artifact(each) for each in line}
    seen = rows(newest["crawl"], "index", url=url)
    if seen.is_empty():
        raise StageFailure(
            f"the crawl {line[0].key} has not stored {url}", "See textmill why KEY --pages for the addresses it has"
        )
    lines = [f"looked at {', '.join(f'{each.stage} {each.key}' for each in line)}"]
    for row in seen.iter_rows(named=True):
        same = rows(newest["crawl"], "index", digest=row["digest"]).filter(status=200)
        if row["status"] == REPEATED and not same.is_empty():
            lines.append(f"crawl     the same bytes as {same['url'][0]}, whose way this is:")
            url = same["url"][0]
        else:
            lines.append(f"crawl     status {row['status']}, fetched {row['fetched_at']}")
    return "\n".join([*lines, *after_crawl(newest, url)])


def newest_line(store: Store) -> list[Manifest]:
    """The newest artifact of the last stage that has one, with all that it was made from, sources first."""
    newest = store.newest()
    last = next((newest[stage] for stage in reversed(NAMES) if stage in newest), None)
    return store.lineage((last.as_input,)) if last else []


def rows(artifact: Artifact, part: str, **equals: str) -> pl.DataFrame:
    """The rows of the Parquet files in one folder of an artifact in which a column equals a value."""
    folder = artifact.part(f"{part}/") / part
    if not list(folder.glob("*.parquet")):
        return pl.DataFrame()
    return pl.scan_parquet(folder / "*.parquet").filter(**equals).collect()


def after_crawl(newest: dict[str, Artifact], url: str) -> Iterator[str]:
    """The lines of the later stages, up to where the page ended."""
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
    for identity in documents["id"].to_list() if documents.width else []:
        yield from after_clean(newest, identity)


def after_clean(newest: dict[str, Artifact], identity: str) -> Iterator[str]:
    """Whether a document was a duplicate, and what it serves for."""
    if "clean" in newest and not rows(newest["clean"], "documents", id=identity).is_empty():
        yield "clean     kept"
    if "dedup" in newest:
        folder = newest["dedup"].part("clusters.parquet")
        clusters = pl.read_parquet(folder / "clusters.parquet").filter(pl.col("id") == identity)
        for row in clusters.filter(pl.col("kept_id") != identity).iter_rows(named=True):
            kept = rows(newest["dedup"], "documents", id=row["kept_id"])["url"][0]
            yield f"dedup     dropped: {row['kind']} duplicate of {kept} (similarity {row['similarity']:.2f})"
        if not rows(newest["dedup"], "documents", id=identity).is_empty():
            yield "dedup     kept"
    if "tokenize" in newest:
        if not rows(newest["tokenize"], "heldout", id=identity).is_empty():
            yield "tokenize  held out of training, for evaluation"
        for split in ("train", "validation"):
            if identity in token_ids(newest["tokenize"], split):
                yield f"tokenize  in the {split} split"
