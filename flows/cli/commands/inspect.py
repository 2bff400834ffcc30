"""`textmill inspect`: what files hold, and the settings of a recipe that read them."""

import argparse
from pathlib import Path

from flows.cli.errors import BadUsage

HELP = "what data files hold (kind, columns, labels, encodings, odd rows), and the block of a recipe that reads them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files, and the recipe to write."""
    parser.add_argument("paths", nargs="+", metavar="FILE",
                        help="a file, folder or archive (.zip, .tar.gz); several are the parts of one data set where "
                        "their names say so (train, test, …) or their lines correspond, else a set each")  # fmt: skip
    parser.add_argument("--write", metavar="RECIPE", help="write the block into this new file, for run evaluate")


def run_command(arguments: argparse.Namespace) -> int:
    """Print a description of the files, and the block of a recipe. Raises BadUsage where one cannot be read."""
    import yaml

    from flows.text_table import format_table
    from tasks.evaluate.task import inspect_files

    if arguments.write and Path(arguments.write).exists():
        raise BadUsage(f"{arguments.write} exists: give --write a new file")
    tables, recipe, failures = inspect_files([Path(path) for path in arguments.paths])
    for rows in tables:
        print(format_table(rows), end="\n\n")
    if tables:
        block = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=110)
        print(block)
    if failures:
        unwritten = f"\n{arguments.write} was not written" if arguments.write else ""
        raise BadUsage("\n".join(map(str, failures)) + unwritten)
    if arguments.write:
        Path(arguments.write).write_text(block, encoding="utf-8")
    file_name = arguments.write or "RECIPE.yaml"
    print(f"# evaluate the newest model on it: textmill run evaluate --recipe {file_name}")
    return 0
