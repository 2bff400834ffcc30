"""The command line: `textmill`, or `python -m flows`.

Nothing heavy is imported here: every shard worker reads this file when it starts.
"""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from flows.command import run  # noqa: PLC0415 - see above

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
