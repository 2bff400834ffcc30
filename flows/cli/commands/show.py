"""`textmill show`: one artifact."""

import argparse
import json
from typing import Any

from flows.cli.inspect_store import find_manifest
from flows.text_table import format_size, format_table
from tasks.store import Store
from tasks.store.incomplete import list_incomplete
from tasks.store.manifest import Manifest
from tasks.store.rebuild_reason import flatten_settings

HELP = "one artifact: counts, the settings that differ from the defaults, files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the artifact, and how much of its settings is shown."""
    parser.add_argument("key", metavar="KEY", help="an artifact's key, its first digits, or a stage: its newest one")
    parser.add_argument("--settings", action="store_true", help="every setting, also those at their default")


def run_command(arguments: argparse.Namespace) -> int:
    """Print the manifest of one artifact."""
    print(format_manifest(Store.current(), arguments.key, every_setting=arguments.settings))
    return 0


def format_manifest(store: Store, key: str, *, every_setting: bool) -> str:
    """Return one artifact's manifest for reading: counts, settings, files."""
    manifest = find_manifest(store, key)
    settings, num_defaults = list_recorded_settings(manifest, every_setting=every_setting)
    setting_rows = [(f"  {name}", json.dumps(value, ensure_ascii=False)) for name, value in settings]
    file_rows = [
        (f"  {file.path}", format_size(file.bytes), f"{file.rows:,} rows" if file.rows else "")
        for file in manifest.files
    ]
    lines = [
        f"{manifest.stage} {manifest.key} (digest {manifest.digest}, version {manifest.version})",
        f"folder    {store.artifact(manifest).path}",
        f"built     {manifest.finished} in {manifest.seconds:.1f} s on {manifest.host}",
        *(f"input     {source.stage} {source.key} (digest {source.digest[:8]})" for source in manifest.inputs),
        *(f"corrupt   {problem}" for problem in store.find_problems(manifest)),
        *(f"missing   {reason} (incomplete: the next run asks again)" for reason in manifest.incomplete),
        *(f"built on  {ancestor}" for ancestor in list_incomplete(store.lineage(manifest.inputs))),
        "\nCOUNTS",
        json.dumps(manifest.counts, indent=2, ensure_ascii=False),
        "\nSETTINGS" if every_setting else "\nSETTINGS that differ from the defaults",
        *([format_table(setting_rows)] if setting_rows else []),
        *([f"  {num_defaults} more at their default: --settings shows them"] if num_defaults else []),
        "\nFILES",
        format_table(file_rows),
    ]
    return "\n".join(lines)


def list_recorded_settings(manifest: Manifest, *, every_setting: bool) -> tuple[list[tuple[str, Any]], int]:
    """Return an artifact's settings as a recipe names them, and how many more are at their default."""
    from flows.recipe import Recipe

    # the clean stage's settings decide extract too
    section = "clean" if manifest.stage == "extract" else manifest.stage
    settings = flatten_settings(manifest.settings, section)
    defaults = {} if every_setting else flatten_settings(getattr(Recipe(), section).model_dump(mode="json"), section)
    shown = [(name, value) for name, value in settings.items() if value != defaults.get(name, ...)]
    return shown, len(settings) - len(shown)
