"""The commands of `textmill`: one file, one command, named after the file.

Each file defines HELP, `add_arguments(parser)` and `run_command(arguments)`, which returns the exit code. All files are
imported at every start: what takes time to load is imported within `run_command`.
"""

import argparse
import importlib
import pkgutil
from typing import Protocol, cast


class Command(Protocol):
    """The names that a file of this folder defines."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments and options."""

    def run_command(self, arguments: argparse.Namespace) -> int:
        """Run the command and return its exit code. Raises BadUsage, BadSetting or StageFailure."""


def load_commands() -> dict[str, Command]:
    """Import every file of this folder: name of the command → module, in order of the names."""
    names = [info.name for info in pkgutil.iter_modules(__path__)]
    return {name: cast("Command", importlib.import_module(f"{__name__}.{name}")) for name in names}
