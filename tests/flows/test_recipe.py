"""Recipes: what a file and --set may change, and how a wrong one is refused."""

from pathlib import Path

import pytest

from flows.recipe import Recipe, UnknownSetting, described, recipe_of

RECIPES = sorted((Path(__file__).parents[2] / "deployments" / "recipes").glob("*.yaml"))


def test_file_then_changes_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("clean: {filters: {length: {fewest: 70, most: 900}}}\n")
    recipe = recipe_of(file, ["clean.filters.length.fewest=80", "crawl.source.web.seeds=[https://example.org/]"])
    length = recipe.clean.filters.length  # type: ignore[attr-defined]
    assert (length.fewest, length.most) == (80, 900)
    assert recipe.crawl.source.chosen.seeds == ["https://example.org/"]
    assert recipe.dedup == Recipe().dedup


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("clean.filters.lenght.fewest=5", "no setting clean.filters.lenght. Did you mean length? Allowed here: "),
        ("claen.filters=5", "no setting claen. Did you mean clean? Allowed here: corpus, crawl, clean, dedup"),
        ("clean.filters=5", "clean.filters is a group of settings: name one of "),
        ("clean.filters.length.fewest=many", "clean.filters.length.fewest: Input should be a valid integer"),
        ("crawl.source.kind=ftp", "crawl.source.kind: Input should be 'dataset', 'files', 'warc' or 'web'"),
        ("dedup.threshold", "'dedup.threshold' is not of the form path.to.setting=value"),
        ("dedup.threshold=[", "the value of dedup.threshold is not YAML: ["),
    ],
)
def test_wrong_settings_are_refused_by_name(change: str, said: str) -> None:
    with pytest.raises(UnknownSetting) as raised:
        recipe_of(None, [change])
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["- a list", "{"])
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(UnknownSetting, match=r"recipe\.yaml"):
        recipe_of(tmp_path / "recipe.yaml")
    with pytest.raises(UnknownSetting, match=r"missing\.yaml: No such file"):
        recipe_of(tmp_path / "missing.yaml")


@pytest.mark.parametrize("file", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(file: Path) -> None:
    assert recipe_of(file) != Recipe()


def test_every_setting_says_what_it_is_for() -> None:
    silent = [path for path, _, text in described(Recipe()) if not text.strip()]
    assert silent == []
