"""`textmill lineage`: the artifacts and documents that an artifact was made from."""

import argparse

from flows.cli.errors import BadUsage
from flows.cli.inspect_store import find_manifest, format_counts, read_document_ids
from tasks.store import Store
from tasks.store.manifest import Manifest

HELP = "where an artifact comes from, back to the pages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the artifact, and whether its documents are listed."""
    parser.add_argument("key", metavar="KEY", help="an artifact's key, its first digits, or a stage: its newest one")
    parser.add_argument("--pages", action="store_true", help="list the address of every document behind it")


def run_command(arguments: argparse.Namespace) -> int:
    """Print every artifact that one was made from, or the addresses of its documents."""
    # keys are hexadecimal and stages are words: this is the address or the file of a page
    if "/" in arguments.key or "." in arguments.key:
        raise BadUsage(f"{arguments.key} is no key: textmill trace tells what became of a page")
    print(format_lineage(Store.current(), arguments.key, pages=arguments.pages))
    return 0


def format_lineage(store: Store, key: str, *, pages: bool) -> str:
    """Return what an artifact was made from, sources first; with `pages` the addresses of the documents behind it."""
    manifest = find_manifest(store, key)
    lineage = [*store.lineage(manifest.inputs), manifest]
    if pages:
        return "\n".join(list_document_addresses(store, lineage))
    lines = []
    for ancestor in lineage:
        sources = ", ".join(f"{source.stage} {source.key}" for source in ancestor.inputs)
        sources = sources or f"what its settings name (textmill show {ancestor.key})"
        code = f"version {ancestor.version}, code {ancestor.fingerprint}"
        lines += [
            f"{ancestor.stage} {ancestor.key}  built {ancestor.finished[:19].replace('T', ' ')}",
            f"    from      {sources}",
            f"    counts    {format_counts(ancestor) or 'none'}",
            *(f"    missing   {reason} (incomplete)" for reason in ancestor.incomplete),
            f"    made by   {code}, textmill {ancestor.packages.get('textmill', '-')}",
        ]
    lines += [
        f"{source.stage} {source.key} is no longer in the store"
        for ancestor in lineage
        for source in ancestor.inputs
        if store.manifest(source.stage, source.key) is None
    ]
    return "\n".join([*lines, f"The documents behind it: textmill lineage {manifest.key} --pages"])


def list_document_addresses(store: Store, lineage: list[Manifest]) -> list[str]:
    """Return the addresses of the documents behind the last artifact of a lineage.

    Of a model these are the documents that it was trained on.
    """
    import polars as pl

    with_documents = [manifest for manifest in lineage if list_document_files(manifest)]
    if not with_documents:
        return []
    last = with_documents[-1]
    files = list_document_files(last)
    folder = store.artifact(last).folder_with(*files)
    documents = pl.concat([pl.read_parquet(folder / path) for path in files], how="vertical_relaxed")
    tokens = [store.artifact(manifest) for manifest in lineage if manifest.stage == "tokenize"]
    if tokens:
        trained_on = read_document_ids(tokens[-1], "train", "validation")
        documents = documents.filter(pl.col("id").is_in(trained_on))
    return documents["url"].to_list()


def list_document_files(manifest: Manifest) -> list[str]:
    """Return the names of an artifact's Parquet files of documents, or of pages."""
    return [file.path for file in manifest.files if file.path.startswith(("documents/", "index/"))]
