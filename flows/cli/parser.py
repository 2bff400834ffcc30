"""The words that `textmill` understands."""

import argparse
from pathlib import Path

STAGES = ("crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "evaluate")


EXIT_CODES = """\
exit codes:
  0    done
  1    a stage failed, what was asked for is not there, or verify found something wrong
  2    a word of the command, a recipe, a setting or a file that it names cannot be right; nothing was begun
  129  ended because the terminal was closed (SIGHUP)
  130  ended by Ctrl-C (SIGINT)
  143  ended by SIGTERM
After 129, 130 and 143, as after kill -9, the same command goes on with what was kept."""


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="textmill",
        description="Web pages → an evaluated language model.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--store", metavar="ADDRESS", help="a folder or s3://bucket/prefix (default: TEXTMILL_STORE, else ./store)"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--store", metavar="ADDRESS", default=argparse.SUPPRESS, help="the store")
        return made

    run = command("run", "run the pipeline, or one stage, doing only what is not in the store")
    run.add_argument(
        "stage", nargs="?", choices=STAGES, metavar="STAGE", help=f"one of {', '.join(STAGES)}; clean extracts too"
    )
    run.add_argument("--input", metavar="KEY", default="newest", help="for one stage: the artifact that it takes")
    plan = command(
        "plan",
        "each stage and why: cached, run (will be built), depends (on what an earlier stage gives), stored (taken from "
        "the store as asked), missing (asked from the store, and not there), skip (not asked for)",
    )
    for made in (run, plan):
        add_recipe(made)
        add_choice(made)
    search = command(
        "search",
        "find settings that pretrain to a lower validation loss, or settings of fine-tuning (evaluate.finetuning) that "
        "reach a higher validation score; goes on where it was ended",
    )
    add_recipe(search)
    add_search(search)
    settings = command("settings", "every setting: its default and what it is for")
    settings.add_argument("path", nargs="?", default="", help="only those below this path, e.g. clean.filters")
    command("ls", "the artifacts in the store")
    show = command("show", "one artifact: counts, the settings that differ from the defaults, files")
    show.add_argument("key", metavar="KEY", help="an artifact's key, its first digits, or a stage: its newest artifact")
    show.add_argument("--settings", action="store_true", help="every setting, also those at their default")
    why = command("why", "where an artifact comes from, back to the pages; or why a page was dropped")
    why.add_argument(
        "key", metavar="KEY", help="an artifact's key, a stage (its newest artifact), a page's address or file"
    )
    why.add_argument("--pages", action="store_true", help="list the address of every document behind it")
    add_query(command("query", "which documents are near a text, after dedup"))
    scores = command("scores", "every evaluated model: scores, the change since the snapshot before, which is the best")
    scores.add_argument("--last", type=int, default=50, metavar="N", help="only the newest evaluations (default: 50)")
    scores.add_argument("--json", action="store_true", help="every figure, as JSON")
    verify = command("verify", "check the artifacts' files")
    verify.add_argument("--full", action="store_true", help="read every file and compare its sha256")
    add_clearing(command("gc", "remove what neither the newest artifacts nor a shipped recipe need; asks first"))
    demo = command("demo", "from this Python's documentation to an evaluated model, offline, in some minutes")
    demo.add_argument(
        "--port", type=int, help="where the site is served on 127.0.0.1 (default: TEXTMILL_DEMO_PORT, else 8420)"
    )
    return top


def add_recipe(made: argparse.ArgumentParser) -> None:
    """The settings of a run."""
    made.add_argument("--recipe", type=Path, metavar="FILE", help="settings that differ from the defaults (YAML)")
    made.add_argument("--set", dest="changes", action="append", default=[], metavar="SETTING=VALUE",
                      help="one setting, e.g. clean.filters.length.min=50; may be repeated")  # fmt: skip


def add_choice(made: argparse.ArgumentParser) -> None:
    """Which stages run."""
    made.add_argument("--from", dest="from_stage", default="", choices=STAGES, metavar="STAGE",
                      help="build this stage and all after it again; those before come from the store")  # fmt: skip
    made.add_argument("--only", action="append", default=[], choices=STAGES, metavar="STAGE",
                      help="run only this stage, what it needs comes from the store; may be repeated")  # fmt: skip
    made.add_argument("--force", action="append", default=[], choices=STAGES, metavar="STAGE",
                      help="build again though cached; may be repeated")  # fmt: skip


def add_search(made: argparse.ArgumentParser) -> None:
    """What is tried."""
    made.add_argument("space", nargs="+", metavar="SETTING=VALUES",
                      help="pretrain.optimizer.learning_rate=log:1e-4..1e-2, also float:LOW..HIGH and int:LOW..HIGH; "
                           "pretrain.schedule.shape=choice:wsd,cosine; or only such as "
                           "evaluate.finetuning.learning_rates=log:1e-4..1e-2")  # fmt: skip
    made.add_argument("--checkpoint", metavar="KEY", default="newest",
                      help="for fine-tuning: the pretrain artifact that is fitted, or recipe: the one that the recipe "
                           "gives, trained first where it is not there (default: newest)")  # fmt: skip
    made.add_argument("--trials", type=int, default=20, help="in all; the first is the recipe as it is (default: 20)")
    made.add_argument("--seed", type=int, default=0, help="decides what is tried (default: 0)")
    made.add_argument("--no-pruning", action="store_true", help="run every trial to its end")


def add_query(made: argparse.ArgumentParser) -> None:
    """What is looked for, and where."""
    made.add_argument("text", metavar="TEXT", help="a text, or the name of a file that holds one")
    made.add_argument("--in", dest="key", metavar="KEY", default="newest",
                      help="key of the dedup artifact (default: the newest; its earlier snapshots count)")  # fmt: skip
    made.add_argument("--least", type=float, default=0.5, metavar="SIMILARITY",
                      help="least Jaccard similarity of the word shingles, 0 to 1 (default: 0.5)")  # fmt: skip


def add_clearing(made: argparse.ArgumentParser) -> None:
    """What may go."""
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument(
        "--drafts",
        action="store_true",
        help="also what runs that were interrupted within the last 14 days left to go on from",
    )
    made.add_argument("--copies", action="store_true", help="also what was fetched from an s3:// store to this machine")
    made.add_argument("--recipe", type=Path, action="append", default=[], metavar="FILE",
                      help="a further recipe whose artifacts are kept")  # fmt: skip
