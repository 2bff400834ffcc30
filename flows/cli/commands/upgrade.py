"""`textmill upgrade`: give a store of an earlier version the names of this one."""

import argparse
import os

from tasks.errors import explain_error

HELP = "rename the settings and keys of a store that an earlier version wrote, so that nothing is built again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whether anything is changed."""
    parser.add_argument("--dry-run", action="store_true", help="only list what would be changed")


def run_command(arguments: argparse.Namespace) -> int:
    """Upgrade the store, and print a line for each change. Can be interrupted and started again."""
    from flows.store_upgrade import upgrade_store

    address = os.environ.get("TEXTMILL_STORE") or "store"
    try:
        for line in upgrade_store(address, dry_run=arguments.dry_run):
            print(line, flush=True)
    except OSError as error:
        raise explain_error("upgrade", error) from error
    return 0
