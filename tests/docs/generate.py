"""Write the parts of docs/ that are made from the code: settings, commands, blocks, renamed settings.

python -m tests.docs.generate            rewrite them
python -m tests.docs.generate --check    only list the files that are stale; the exit code is 1 when there is one
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flows.cli.command_line import EXIT_CODES, RENAMED_COMMANDS, RENAMED_OPTIONS, build_parser
from flows.cli.commands import load_commands
from flows.recipe import Recipe, list_settings
from flows.renamed_settings import tables
from flows.renamed_settings.migration import format_path, load_renames
from tasks.block import Block, discover_blocks, docstring_summary
from tasks.clean.filters import Filter
from tasks.crawl.sources import Source
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.benchmarks import Benchmark
from tasks.pretrain.objectives import Objective

DOCS = Path(__file__).parents[2] / "docs"
HOW = "This page is generated from the code (`make docs`)"
SECTION = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
MAX_DEFAULT_CHARS = 120  # of a default in the table; some are lists of many names
GROUP_DEPTH = 4  # names in the path of a group that has a table of its own


def main() -> int:
    """Rewrite the generated files, or list the stale ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only list the stale files")
    stale = find_stale_files()
    if parser.parse_args().check:
        print("\n".join([f"{path} is stale: run make docs" for path in stale]))
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")
    return 0


def find_stale_files() -> dict[Path, str]:
    """Return each file of docs/ that differs from what the code says now, with the text that it should have."""
    wanted = {DOCS / "settings.md": render_settings(), DOCS / "commands.md": render_commands()}
    for path in sorted(DOCS.glob("*.md")):
        text = wanted.get(path) or path.read_text(encoding="utf-8")
        wanted[path] = SECTION.sub(lambda match: f"{match[1]}{SECTIONS[match[2]]()}\n{match[3]}", text)
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def render_settings() -> str:
    """Return the page of all settings: a table for each group."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for path, default, help_text in list_settings(Recipe()):
        names = path.split(".")
        group = ".".join(names[: min(len(names) - 1, GROUP_DEPTH)])
        groups.setdefault(group, []).append((path, default, help_text))
    lines = [
        "# Settings",
        "",
        f"{HOW}; `textmill settings clean.filters` prints the same in a terminal.",
        "",
        "A recipe is a YAML file that names only the settings that differ from these defaults.",
        "`--set path.to.setting=value` changes one more. `[]` stands for the items of a list.",
    ]
    stage = ""
    for group, rows in groups.items():
        first = group.split(".")[0]
        if first != stage:
            stage = first
            lines += ["", f"## {stage or 'corpus'}"]
        if "." in group:
            lines += ["", f"### {group}"]
        prefix = f"{group}." if group else ""
        table = ((code(path.removeprefix(prefix)), format_default(default), text) for path, default, text in rows)
        lines += ["", *render_table(("setting", "default", "meaning"), table)]
    return "\n".join([*lines, ""])


def render_commands() -> str:
    """Return the page of all commands, with their arguments and options."""
    commands = load_commands()
    parser = build_parser(commands)
    subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    lines = [
        "# Commands",
        "",
        f"{HOW}; `textmill COMMAND --help` prints the same in a terminal.",
        "",
        "Every command takes `--store ADDRESS`, a folder or `s3://bucket/prefix`. Without it, the environment variable",
        "`TEXTMILL_STORE` names the store, and else it is the folder `store` in the working directory.",
        "",
        *render_table(
            ("command", "what it does"), ((f"[{name}](#{name})", text.HELP) for name, text in commands.items())
        ),
    ]
    for name in commands:
        command_parser = subparsers.choices[name]
        rows = [
            (code(format_usage(action)), action.help or "")
            for action in command_parser._actions
            if action.dest not in ("help", "store")
        ]
        lines += ["", f"## {name}", "", sentence(commands[name].HELP)]
        lines += ["", *render_table(("argument", "meaning"), rows)] if rows else []
    lines += ["", "## Exit codes", "", *render_exit_codes()]
    return "\n".join([*lines, ""])


def render_exit_codes() -> Iterator[str]:
    """Yield a table of the exit codes, and what holds for all of them."""
    rows = re.findall(r"^ {2}(\d+) +(.+)$", EXIT_CODES, re.MULTILINE)
    yield from render_table(("code", "meaning"), rows)
    yield from ("", " ".join(EXIT_CODES.splitlines()[len(rows) + 1 :]))


def format_usage(action: argparse.Action) -> str:
    """Return an argument as it is typed: `--set SETTING=VALUE`."""
    if not action.option_strings:
        return f"[{action.metavar}]" if action.nargs in ("?", "*") else str(action.metavar or action.dest)
    metavar = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + metavar


def render_blocks(base: type[Block], *, with_default: bool = False) -> Callable[[], str]:
    """Return a function that renders a table of the blocks of a folder."""

    def render() -> str:
        blocks = discover_blocks(base).items()
        if not with_default:
            rows = [(code(kind), docstring_summary(block)) for kind, block in blocks]
            return "\n".join(render_table(("kind", "what it does"), rows))
        default_rows = [
            (code(kind), "on" if getattr(block(), "enabled", False) else "off", docstring_summary(block))
            for kind, block in blocks
        ]
        return "\n".join(render_table(("kind", "default", "what it does"), default_rows))

    return render


def render_renamed_settings() -> str:
    """Return a table of old and new paths of settings, and one of old and new values."""
    renames = load_renames()
    stages = (tables.CRAWL, tables.CLEAN, tables.DEDUP, tables.TOKENIZE, tables.PRETRAIN, tables.EVALUATE)
    paths = [(code(old), code(join_pattern(renames.translate_pattern(old)))) for table in stages for old in table]
    values = [
        (code(join_pattern(renames.translate_pattern(path))), code(format_value(old)), code(format_value(new)))
        for path, mapping in tables.RENAMED_VALUES.items()
        for old, new in mapping.items()
    ]
    return "\n".join(
        [
            *render_table(("old name", "new name"), paths),
            "",
            "These values have new names:",
            "",
            *render_table(("setting", "old value", "new value"), values),
        ]
    )


def render_renamed_commands() -> str:
    """Return a table of old and new commands and options."""
    rows = [(code(old), new) for old, new in RENAMED_COMMANDS.items()]
    rows += [
        (code(f"{command} {old}"), code(f"{command} {new}"))
        for command, options in RENAMED_OPTIONS.items()
        for old, new in options.items()
    ]
    return "\n".join(render_table(("old", "new"), rows))


def join_pattern(path: Iterable[str | int]) -> str:
    """Return a path with wildcards as text: `sets`, `[]`, `name` → `sets[].name`."""
    return format_path(tuple(path)).replace(".[]", "[]")


def format_value(value: object) -> str:
    """Return a value as it is written in a recipe."""
    return value if isinstance(value, str) else json.dumps(value)


def render_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(escape(cell) for cell in row)} |"


def escape(cell: str) -> str:
    """Return text that stands as it is in a cell of a Markdown table."""
    text = " ".join(cell.split()).replace("|", "\\|")
    # outside of code, Markdown takes <word> for HTML and * for emphasis
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def code(text: str) -> str:
    return f"`{text}`"


def format_default(default: str) -> str:
    """Return a default as code, shortened where it is long."""
    if not default.startswith("(") and default:
        return code(default if len(default) <= MAX_DEFAULT_CHARS else f"{default[:MAX_DEFAULT_CHARS]} …")
    return default


def sentence(text: str) -> str:
    """Return a command's help as a sentence."""
    return text[0].upper() + text[1:] + "."


SECTIONS: dict[str, Callable[[], str]] = {
    "sources": render_blocks(Source),
    "filters": render_blocks(Filter, with_default=True),
    "objectives": render_blocks(Objective),
    "benchmarks": render_blocks(Benchmark),
    "adaptation": render_blocks(AdaptationMethod),
    "renamed-settings": render_renamed_settings,
    "renamed-commands": render_renamed_commands,
}
"""The name in `<!-- generated: NAME -->` → what stands between it and `<!-- end of generated -->`"""


if __name__ == "__main__":
    sys.exit(main())
