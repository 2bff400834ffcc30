"""`textmill trace`: the way of one page through the stages."""

import argparse

from tasks.store import Store

HELP = "what became of a page: extracted, dropped by which filter, duplicate of which page, trained on or held out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the page."""
    parser.add_argument("page", metavar="URL", help="a page's address, or the file that it was read from")


def run_command(arguments: argparse.Namespace) -> int:
    """Print a line for each stage that the page went through."""
    from flows.cli.page_trace import trace_page

    print(trace_page(Store.current(), arguments.page))
    return 0
