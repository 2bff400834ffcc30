"""The command line: `textmill`, or `python -m flows`.

Nothing heavy is imported here: every shard worker reads this file when it starts.
"""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from flows.cli.signals import Interruption  # noqa: PLC0415 - see above

    interruption = Interruption(sys.argv[1:])
    try:
        from flows.cli.commands import run  # noqa: PLC0415

        code = run(sys.argv[1:])
    except BaseException as error:
        if not interruption.caused(error):
            raise
        interruption.leave()
        print(interruption.line(error), file=sys.stderr, flush=True)
        code = interruption.code
    interruption.ended = True
    sys.exit(code)


if __name__ == "__main__":
    main()
