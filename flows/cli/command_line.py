"""The command line as a whole: finds the command, runs it, and turns errors into messages and exit codes."""

import argparse
import os
import sqlite3
import sys
from collections.abc import Sequence

from flows.cli.commands import Command, load_commands
from flows.cli.errors import BadUsage
from tasks.errors import BadSetting, StageFailure, explain_error

EXIT_CODES = """\
exit codes:
  0    done
  1    a stage failed, an artifact is missing, or verify found something wrong
  2    invalid command line, recipe or setting, or a file that they name cannot be read; nothing was started
  3    run and demo: done, but an artifact is incomplete; the same command asks again for what is missing
  129  ended because the terminal was closed (SIGHUP)
  130  ended by Ctrl-C (SIGINT)
  143  ended by SIGTERM
After 129, 130 and 143, as after kill -9, the same command continues with what was finished."""

RENAMED_COMMANDS = {
    "query": "similar",
    "search": "tune",
    "why": "lineage KEY (where an artifact comes from) and trace URL (what became of a page)",
    "scores": "leaderboard",
}
"""Old command → the new one"""

RENAMED_OPTIONS = {
    "similar": {"--least": "--min-similarity", "--in": "--artifact"},
    "gc": {"--copies": "--cache"},
}
"""Command → its old options → the new ones"""


def run_command_line(argv: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    commands = load_commands()
    try:
        refuse_old_words(argv)
        arguments = build_parser(commands).parse_args(argv)
        if arguments.store:
            os.environ["TEXTMILL_STORE"] = arguments.store
        return commands[arguments.command].run_command(arguments)
    except (BadUsage, BadSetting) as error:
        print(f"textmill: {error}", file=sys.stderr)
        return 2
    except StageFailure as error:
        print(f"textmill: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # the reader of the output, such as head, has ended: what is still buffered goes nowhere
        # without this, Python's own flush at the end would meet the closed pipe again and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError, sqlite3.Error) as error:
        explained = explain_error(argv[0] if argv else "textmill", error)
        if explained is error:
            raise
        print(f"textmill: {explained}", file=sys.stderr)
        return 1


def build_parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    """Build the parser of all commands and their options."""
    parser = argparse.ArgumentParser(
        prog="textmill",
        description="Web pages → an evaluated language model.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--store", metavar="ADDRESS", help="a folder or s3://bucket/prefix (default: TEXTMILL_STORE, else ./store)"
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in commands.items():
        command_parser = subparsers.add_parser(name, help=command.HELP, description=command.HELP)
        # a default here would overwrite what was given before the command's name
        command_parser.add_argument("--store", metavar="ADDRESS", default=argparse.SUPPRESS, help="the store")
        command.add_arguments(command_parser)
    return parser


def refuse_old_words(argv: Sequence[str]) -> None:
    """Raise BadUsage that gives the new word, where a command or an option has the name of an earlier version."""
    words = list(argv)
    while words and words[0].startswith("-"):
        # options before the command: of these, only --store is followed by a value
        has_value = words[0] == "--store"
        words = words[2 if has_value else 1 :]
    command = words[0] if words else ""
    if command in RENAMED_COMMANDS:
        options = RENAMED_OPTIONS.get(RENAMED_COMMANDS[command], {})
        also = ", and ".join(f"{old} to {new}" for old, new in options.items())
        raise BadUsage(f"{command} was renamed to {RENAMED_COMMANDS[command]}" + (f"; {also}" if also else ""))
    for word in words[1:]:
        option = word.partition("=")[0]
        if option in RENAMED_OPTIONS.get(command, {}):
            raise BadUsage(f"{option} of {command} was renamed to {RENAMED_OPTIONS[command][option]}")
