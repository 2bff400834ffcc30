"""The command line: `textmill`, or `python -m flows`.

Nothing heavy is imported here: every shard worker imports this file when it starts.
"""

import locale
import os
import sys


def main() -> None:
    """Run the command line and exit with its exit code."""
    restart_in_utf_8()
    from flows.cli.output_streams import OutputStreams  # noqa: PLC0415 - see above
    from flows.cli.signals import RESUMABLE_COMMANDS, SignalHandler  # noqa: PLC0415

    streams = OutputStreams()

    # before the heavy imports: a Ctrl-C that comes during them is handled in the same way
    signal_handler = SignalHandler(sys.argv[1:])
    try:
        from flows.cli.command_line import run_command_line  # noqa: PLC0415

        code = run_command_line(sys.argv[1:])
    except BaseException as error:
        if not signal_handler.is_cause_of(error):
            raise
        signal_handler.prepare_exit()
        print(signal_handler.describe(error), file=sys.stderr, flush=True)
        code = signal_handler.exit_code
    # from here on a signal ends the process at once: there is nothing left to keep
    signal_handler.is_done = True
    # of a run, what counts is in the store; of another command the output is all that it does
    if (error_text := streams.find_error()) and code == 0 and not RESUMABLE_COMMANDS & set(sys.argv[1:]):
        print(f"textmill: standard output cannot be written: {error_text}", file=sys.stderr, flush=True)
        code = 1
    sys.exit(code)


def restart_in_utf_8() -> None:
    """Start this command again in Python's UTF-8 mode where the locale has another encoding.

    Recipes, summaries and names of files would be read and written differently, here and in all workers.
    """
    is_utf_8 = sys.flags.utf8_mode or locale.getpreferredencoding(False).lower().replace("-", "") == "utf8"
    if not is_utf_8 and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - its own words, and no shell


if __name__ == "__main__":
    main()
