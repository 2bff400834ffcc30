"""README.md and docs/ agree with the code: generated parts are fresh; settings, commands, variables and links exist."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows.cli.command_line import build_parser
from flows.cli.commands import load_commands
from flows.recipe import Recipe, list_settings, load_recipe, merge_settings, raise_unknown, require_known
from flows.recipe_errors import find_misnamed
from tests.docs.blocks import PAGES, ROOT, CodeBlock, read_blocks
from tests.docs.generate import find_stale_files

PROSE = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
HISTORY = {"upgrading.md"}  # a page that names what is gone
SETTING = re.compile(r"`((?:corpus|crawl|clean|dedup|tokenize|pretrain|evaluate)(?:\.[a-z_0-9]+(?:\[\])?)+)[`= ]")
FILE_SUFFIXES = (".py", ".md", ".yaml", ".html")
VARIABLE = re.compile(r"TEXTMILL_[A-Z_]+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`textmill ([a-z-]+)")
BLOCKS = [block for page in PAGES for block in read_blocks(page)]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def remove_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def list_anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", remove_code(text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_generated_parts_are_fresh() -> None:
    assert not [path.name for path in find_stale_files()], "run make docs"


def test_the_readme_is_one_page() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) < 120


def test_links_lead_somewhere() -> None:
    def broken() -> Iterator[str]:
        for page in PROSE:
            for link in LINK.findall(remove_code(text_of(page))):
                if link.startswith(("http://", "https://")):
                    continue
                path, _, anchor = link.partition("#")
                target = page.parent / path if path else page
                if not target.exists() or (anchor and anchor not in list_anchors(target)):
                    yield f"{page.name}: {link}"

    assert not list(broken())


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall(text_of(ROOT / "README.md")))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= {link.partition("#")[0] for link in linked}


def test_settings_that_are_named_exist() -> None:
    paths = {path.replace("[]", "") for path, _, _ in list_settings(Recipe())}
    groups = {path.rsplit(".", number)[0] for path in paths for number in range(1, path.count(".") + 1)}
    unknown = [
        f"{page.name}: {name}"
        for page in PROSE
        if page.name not in HISTORY
        for name in SETTING.findall(text_of(page))
        if name.replace("[]", "") not in paths | groups and not name.endswith(FILE_SUFFIXES)
    ]
    assert not unknown


def test_environment_variables_are_those_of_the_code() -> None:
    code = [
        path
        for folder in ("tasks", "flows", "deployments")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yaml")
    ]
    used = {name for path in code for name in VARIABLE.findall(text_of(path)) if not name.endswith("_")}
    listed = set(re.findall(r"^\| `(TEXTMILL_[A-Z_]+)`", text_of(ROOT / "docs" / "operations.md"), re.MULTILINE))
    assert listed == used
    assert {name for page in PROSE for name in VARIABLE.findall(text_of(page))} <= listed


def test_commands_in_the_text_exist() -> None:
    commands = load_commands()
    assert not [
        f"{page.name}: textmill {name}"
        for page in PROSE
        if page.name not in HISTORY
        for name in COMMAND.findall(text_of(page))
        if name not in commands and not name.startswith("-")
    ]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "bash"], ids=str)
def test_arguments_and_settings_of_commands_are_valid(block: CodeBlock) -> None:
    """Also of those blocks that are not run."""
    parser = build_parser(load_commands())
    for command in block.commands():
        words = shlex.split(os.path.expandvars(command))
        if "textmill" not in words or words[0] in ("git", "pip", "source"):
            continue
        arguments = parser.parse_args(words[words.index("textmill") + 1 :])
        load_recipe(None, getattr(arguments, "changes", []))
        require_known(dimension.partition("=")[0] for dimension in getattr(arguments, "space", []))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "yaml"], ids=str)
def test_settings_of_recipes_are_valid(block: CodeBlock) -> None:
    settings = yaml.safe_load(block.text)
    raise_unknown(find_misnamed(Recipe, settings))
    Recipe.model_validate(merge_settings(Recipe, Recipe().model_dump(mode="json"), settings))


def test_blocks_that_are_not_run_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists them with -s. What runs them instead is named in the reason where there is such a test."""
    not_run = [block for block in BLOCKS if block.reason]
    assert all(len(block.reason.split()) > 2 for block in not_run)
    for path in {path for block in not_run for path in re.findall(r"tests/[\w/]+\.py", block.reason)}:
        assert (ROOT / path).exists(), path
    with capsys.disabled():
        print("", *(f"not run: {block}: {block.reason}" for block in not_run), sep="\n")


def test_every_block_has_a_language() -> None:
    assert not [str(block) for block in BLOCKS if not block.language]
