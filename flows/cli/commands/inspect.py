"""`textmill inspect`: what files hold, and the settings of a recipe that read them."""

import argparse
from pathlib import Path

from flows.cli.errors import BadUsage

HELP = "what data files hold (kind, columns, labels, encodings, odd rows), and the block of a recipe that reads them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files, and the recipe to write."""
    parser.add_argument("paths", nargs="+", metavar="FILE",
                        help="the files of one data set, or its folder or archive (.zip, .tar.gz)")  # fmt: skip
    parser.add_argument("--write", metavar="RECIPE", help="write the block into this new file, for run evaluate")


def run_command(arguments: argparse.Namespace) -> int:
    """Print a description of the files, and the block of a recipe."""
    import yaml

    from flows.text_table import format_table
    from tasks.evaluate.task import inspect_files

    if arguments.write and Path(arguments.write).exists():
        raise BadUsage(f"{arguments.write} exists: give --write a new file")
    rows, recipe = inspect_files([Path(path) for path in arguments.paths])
    print(format_table(rows))
    block = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=110)
    print(f"\n{block.rstrip()}")
    if arguments.write:
        Path(arguments.write).write_text(block, encoding="utf-8")
    file_name = arguments.write or "RECIPE.yaml"
    print(f"\n# evaluate the newest model on it: textmill run evaluate --recipe {file_name}")
    return 0
