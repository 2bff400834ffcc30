"""Recipes: what a file and --set may change, and how a wrong one is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.cli.commands.demo import DEMO_RECIPE
from flows.recipe import Recipe, UnknownSetting, list_settings, load_recipe
from flows.recipe_errors import describe_error
from tasks.block import Block

RECIPES = [*sorted((Path(__file__).parents[2] / "deployments" / "recipes").glob("*.yaml")), DEMO_RECIPE]


def test_file_then_changes_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("clean: {filters: {length: {min: 70, max: 900}}}\n")
    recipe = load_recipe(file, ["clean.filters.length.min=80", "crawl.source.web.seeds=[https://example.org/]"])
    length = recipe.clean.filters.length  # type: ignore[attr-defined]
    assert (length.min, length.max) == (80, 900)
    assert recipe.crawl.source.chosen.seeds == ["https://example.org/"]
    assert recipe.dedup == Recipe().dedup


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("clean.filters.lenght.min=5", "no setting clean.filters.lenght: did you mean clean.filters.length?"),
        ("claen.filters=5", "no setting claen: did you mean clean?"),
        ("crawl.seeds=[x]", "no setting crawl.seeds: did you mean crawl.source.web.seeds?"),
        ("dedup.xyz=1", "no setting dedup.xyz: allowed here are "),
        ("clean.filters=5", "clean.filters is a group of settings: name one of "),
        ("clean.filters.length.min=many", 'clean.filters.length.min = "many": give a whole number'),
        ("crawl.source.kind=ftp", "crawl.source.kind = \"ftp\": give one of 'dataset', 'files', 'warc' or 'web'"),
        ("crawl.source.web.max_pages=2.5", "crawl.source.web.max_pages = 2.5: give a whole number"),
        ("clean.pii.email=maybe", 'clean.pii.email = "maybe": give one of '),
        ("dedup.threshold=2", "dedup.threshold = 2: give at most 1"),
        ("crawl.snapshot=''", 'crawl.snapshot = "": it must not be empty'),
        ("evaluate.labels_per_class=[8,x]", 'evaluate.labels_per_class[1] = "x": give a whole number'),
        ("evaluate.labels_per_class=8", "evaluate.labels_per_class = 8: give a list"),
        (
            "evaluate.labels_per_class=[-1]",
            "evaluate.labels_per_class = [-1]: give different whole numbers from 1, or 0 for all",
        ),
        (
            "evaluate.benchmarks.labelled_text.sets=[{name: x, colums: {}}]",
            "no setting evaluate.benchmarks.labelled_text.sets[0].colums: did you mean evaluate.",
        ),
        (
            "evaluate.benchmarks.labelled_text.sets=[{train: x}]",
            "evaluate.benchmarks.labelled_text.sets[0].name: it must",
        ),
        ("tokenize.vocab_size=310", "tokenize.vocab_size = 310 has no room for text: special tokens, "),
        ("dedup.threshold", "'dedup.threshold' is not of the form path.to.setting=value"),
        ("dedup.threshold=[", "the value of dedup.threshold is not YAML: ["),
    ],
)
def test_wrong_settings_are_refused_by_name(change: str, message: str) -> None:
    with pytest.raises(UnknownSetting) as raised:
        load_recipe(None, [change])
    assert message in str(raised.value)


def test_all_that_is_misnamed_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("crawl: {sorce: {kind: web}}\ndedup: {treshold: 0.5}\n")
    with pytest.raises(UnknownSetting) as raised:
        load_recipe(file, ["clean.filters.lenght.min=5"])
    assert str(raised.value).splitlines() == [
        "no setting crawl.sorce: did you mean crawl.source?",
        "  no setting dedup.treshold: did you mean dedup.threshold?",
        "  no setting clean.filters.lenght: did you mean clean.filters.length?",
    ]


def test_broken_yaml_is_shown_by_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("crawl:\n  source: {kind: web}\n  snapshot: a: b\n")
    with pytest.raises(UnknownSetting, match=r"recipe .*recipe\.yaml is not YAML at line 3, column 14: mapping values"):
        load_recipe(file)
    file.write_bytes(b"corpus: \xff\n")
    with pytest.raises(UnknownSetting, match=r"recipe\.yaml is not UTF-8 text"):
        load_recipe(file)


def list_blocks(block: type[Block]) -> Iterator[type[Block]]:
    yield block
    for field in block.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from list_blocks(field.annotation)


def test_every_bound_of_a_setting_is_refused_in_our_words() -> None:
    """None of the bounds that settings have today is answered in pydantic's words."""
    for block in set(list_blocks(Recipe)):
        for name in block.model_fields:
            for wrong in (-1e9, 1e12, "", "many", [], {"x": 1}, [{}], None, float("nan")):
                try:
                    block.model_validate({name: wrong})
                except ValidationError as error:
                    message = "; ".join(map(describe_error, error.errors()))
                    assert "Input should" not in message, (block, name, wrong)
                    assert "Value error" not in message, (block, name, wrong)


@pytest.mark.parametrize("text", ["- a list", "{"])
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(UnknownSetting, match=r"recipe\.yaml"):
        load_recipe(tmp_path / "recipe.yaml")
    with pytest.raises(UnknownSetting, match=r"missing\.yaml: No such file"):
        load_recipe(tmp_path / "missing.yaml")


@pytest.mark.parametrize("file", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(file: Path) -> None:
    assert load_recipe(file) != Recipe()


def test_every_setting_says_what_it_is_for() -> None:
    silent = [path for path, _, text in list_settings(Recipe()) if not text.strip()]
    assert silent == []
