"""What a folder decides of a run that goes on from it, before any weight is read."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from flows.recipe import InconsistentSettings, load_recipe
from tasks.model.architecture import Architecture, Family
from tasks.model.families import build_model
from tasks.model.folder_architecture import read_folder_architecture
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.settings import Pretrain

VOCABULARY = Vocabulary(size=60, pad=0, start=2, end=3, mask=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration of each family, of 3 layers, 48 wide, with 6 heads."""
    root = tmp_path_factory.mktemp("folders")
    for family in get_args(Family):
        shape = {"num_layers": 3, "hidden_size": 48, "num_heads": 6}
        architecture = Architecture.model_validate({"family": family, "max_length": 24} | shape)
        build_model(architecture, VOCABULARY, seed=0).config.save_pretrained(root / family)
    return root


@pytest.mark.parametrize("family", get_args(Family))
def test_family_layers_width_heads_and_context_are_those_of_the_folder(family: str, folders: Path) -> None:
    decided = read_folder_architecture(folders / family)
    assert decided.pop("family") == family
    max_length = decided.pop("max_length", None)
    assert max_length == (None if family == "t5" else 24)
    assert decided == {"num_layers": 3, "hidden_size": 48, "num_heads": 6}
    settings = Pretrain.model_validate({"start_from": {"folder": str(folders / family)}})
    assert settings.architecture.family == family
    assert settings.architecture.shape == (3, 48, 6)
    assert settings.objective.chosen.model_kind == settings.architecture.model_kind, "a fitting objective"
    assert Pretrain.model_validate(settings.model_dump(mode="json")) == settings, "as the trainer gets them"


def test_the_folder_decides_what_a_recipe_does_not_say(folders: Path) -> None:
    recipe = load_recipe(None, [f"pretrain.start_from.folder={folders / 'bert'}"])
    assert (recipe.pretrain.architecture.family, recipe.pretrain.architecture.shape) == ("bert", (3, 48, 6))
    assert (recipe.pretrain.objective.kind, recipe.pretrain.optimizer.learning_rate) == ("masked", 1e-4)
    with pytest.raises(InconsistentSettings, match="has num_layers 3, and not 4"):
        load_recipe(None, [f"pretrain.start_from.folder={folders / 'bert'}", "pretrain.architecture.num_layers=4"])


def test_a_value_that_is_the_default_is_said_where_a_recipe_names_it(folders: Path) -> None:
    start = f"pretrain.start_from.folder={folders / 'bert'}"
    default_rate = Pretrain().optimizer.learning_rate
    recipe = load_recipe(None, [start, f"pretrain.optimizer.learning_rate={default_rate}"])
    assert recipe.pretrain.optimizer.learning_rate == default_rate
    assert recipe.pretrain.optimizer.matrix_learning_rate == 2e-3, "which is not named"
    again = Pretrain.model_validate(recipe.pretrain.model_dump(mode="json"))
    assert again.optimizer.learning_rate == default_rate, "as the trainer gets it"
    with pytest.raises(InconsistentSettings, match="has family bert, and not gpt2"):
        load_recipe(None, [start, "pretrain.architecture.family=gpt2"])
    with pytest.raises(InconsistentSettings, match="objective causal does not fit family bert"):
        load_recipe(None, [start, "pretrain.objective.kind=causal"])
    masked = load_recipe(None, [start, "pretrain.objective.masked.mask_rate=0.3"]).pretrain.objective
    assert masked.kind == "masked", "a setting of another choice names no kind"


def test_of_a_form_that_names_every_default_the_folder_still_decides(folders: Path) -> None:
    form = Pretrain().model_dump(mode="json") | {"start_from": {"folder": str(folders / "bert")}}
    settings = Pretrain.model_validate(form)
    assert (settings.architecture.family, settings.architecture.shape) == ("bert", (3, 48, 6))
    assert (settings.objective.kind, settings.optimizer.learning_rate) == ("masked", 1e-4)
    form["optimizer"]["learning_rate"] = 0.01
    assert Pretrain.model_validate(form).optimizer.learning_rate == 0.01


def test_learning_rates_are_those_of_going_on_unless_they_are_set(folders: Path) -> None:
    start = {"folder": str(folders / "bert")}
    rates = Pretrain.model_validate({"start_from": start}).optimizer
    assert (rates.learning_rate, rates.matrix_learning_rate) == (1e-4, 2e-3)
    one_set = Pretrain.model_validate({"start_from": start, "optimizer": {"learning_rate": 0.01}}).optimizer
    assert (one_set.learning_rate, one_set.matrix_learning_rate) == (0.01, 2e-3)
    assert Pretrain().optimizer.learning_rate == 0.02


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"family": "roberta"}, "has family bert, and not roberta: set architecture.family to bert, or leave it out"),
        ({"num_layers": 2}, "has num_layers 3, and not 2: set architecture.num_layers to 3"),
        ({"hidden_size": 24}, "has hidden_size 48, and not 24"),
        ({"num_heads": 3}, "has num_heads 6, and not 3"),
        ({"max_length": 32}, "reads 24 tokens at once, and not 32: set architecture.max_length to 24 or less"),
    ],
)
def test_settings_that_contradict_the_folder_are_refused_with_the_right_ones(
    architecture: dict[str, object], message: str, folders: Path
) -> None:
    with pytest.raises(ValidationError, match=message):
        Pretrain.model_validate({"start_from": {"folder": str(folders / "bert")}, "architecture": architecture})


def test_shorter_texts_than_the_folder_reads_may_be_asked_for(folders: Path) -> None:
    shorter = {"start_from": {"folder": str(folders / "bert")}, "architecture": {"max_length": 16}}
    assert Pretrain.model_validate(shorter).seq_length == 16


def test_a_family_that_cannot_be_trained_here_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba", "num_hidden_layers": 2}')
    with pytest.raises(ValidationError, match="is a mamba, which is none of the families bert, roberta"):
        Pretrain.model_validate({"start_from": {"folder": str(tmp_path)}})


def test_a_folder_that_is_not_here_decides_nothing(tmp_path: Path) -> None:
    """Settings are also read on machines that do not train; where the run begins the folder is missed by its name."""
    settings = Pretrain.model_validate({"start_from": {"folder": str(tmp_path / "none")}})
    assert settings.architecture == Architecture()
    (tmp_path / "config.json").write_text("{")
    assert read_folder_architecture(tmp_path) == {}
