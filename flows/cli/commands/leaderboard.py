"""`textmill leaderboard`: every evaluated model."""

import argparse

from flows.cli.errors import BadUsage
from tasks.store import Store

HELP = "every evaluated model: scores, the change since the previous snapshot, and which is the best"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how many models are listed, and the format."""
    parser.add_argument("--last", type=int, default=50, metavar="N", help="only the newest evaluations (default: 50)")
    parser.add_argument("--json", action="store_true", help="every number, as JSON")


def run_command(arguments: argparse.Namespace) -> int:
    """Print the leaderboard as text or JSON."""
    from flows.leaderboard import format_leaderboard, leaderboard_as_json

    if arguments.last < 1:
        raise BadUsage(f"--last {arguments.last}: give a whole number from 1")
    print((leaderboard_as_json if arguments.json else format_leaderboard)(Store.current(), arguments.last))
    return 0
