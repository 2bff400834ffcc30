"""The rules between folders, read from the code's own imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = {"crawl", "clean", "dedup", "tokenize", "pretrain", "evaluate"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
CODE = sorted(path for folder in ("flows", "tasks") for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).parts


def test_there_is_code_to_check() -> None:
    assert len(CODE) > 50


@pytest.mark.parametrize("path", CODE, ids=lambda path: "/".join(place(path)))
def test_imports_follow_the_rules(path: Path) -> None:
    parts = place(path)
    stage = parts[1] if parts[0] == "tasks" and parts[1] in STAGES else None
    for module in imported(path):
        top, *rest = module.split(".")
        inner = rest[0] if rest else ""
        if top == "prefect":
            assert parts[0] == "flows" or parts == ("tasks", "stage.py"), f"only flows and stage.py import {module}"
        if top == "torch":
            assert parts[:2] in {("tasks", "model"), ("tasks", "pretrain"), ("tasks", "evaluate")}, f"imports {module}"
        if top == "flows":
            assert parts[0] == "flows", f"tasks know no flows, but this imports {module}"
        if top == "tasks" and stage and inner in STAGES:
            assert inner == stage, f"no stage imports another, but this imports {module}"
        if top == "tasks" and inner == "model":
            assert parts[1] in {"model", "pretrain", "evaluate"}, f"imports {module}"
        if top == "tasks" and parts[0] == "flows" and inner in STAGES and len(rest) > 1:
            assert rest[1] in {"task", "query"}, f"flows use a stage by task.py or query.py, but this imports {module}"


@pytest.mark.parametrize("path", CODE, ids=lambda path: "/".join(place(path)))
def test_files_have_names_that_say_something(path: Path) -> None:
    assert path.stem not in NAMELESS


@pytest.mark.parametrize("path", CODE, ids=lambda path: "/".join(place(path)))
def test_files_are_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
