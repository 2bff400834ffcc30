"""Blocks: folders as registries, settings as JSON, what enters a key."""

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.block import Block, Every, OneOf, block_kind, discover_blocks

FAMILY = {
    "__init__.py": "from tasks.block import Block\nclass Animal(Block):\n    '''Any animal.'''\n    legs: int = 4\n",
    "big_cat.py": "from {name} import Animal\nclass BigCat(Animal):\n    '''A cat.'''\n    mane: bool = True\n",
    "bird.py": "from {name} import Animal\nclass Bird(Animal):\n    '''A bird.'''\n    legs: int = 2\n",
    "_kept_out.py": "raise RuntimeError('files with an underscore are no members')\n",
}


def family(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> Any:
    (folder / name).mkdir()
    for file, text in {**FAMILY, **more}.items():
        (folder / name / file).write_text(text.replace("{name}", name))
    monkeypatch.syspath_prepend(folder)
    module = __import__(name)
    monkeypatch.setitem(sys.modules, name, module)
    return module.Animal


@pytest.fixture(scope="module")
def animal(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield family(tmp_path_factory.mktemp("zoo"), "zoo_of_tests", patch)


def test_kind_is_the_class_name_in_snake_case() -> None:
    assert block_kind(type("WordCount", (Block,), {})) == "word_count"


def test_members_are_the_files_of_the_folder(animal: Any) -> None:
    assert list(discover_blocks(animal)) == ["big_cat", "bird"]


def test_every_has_a_field_per_block(animal: Any) -> None:
    zoo: Any = Every[animal].model_validate({"bird": {"legs": 3}})
    assert [(kind, block.legs) for kind, block in zoo.blocks()] == [("big_cat", 4), ("bird", 3)]
    with pytest.raises(ValidationError, match="fish"):
        Every[animal].model_validate({"fish": {}})


def test_only_the_chosen_block_counts(animal: Any) -> None:
    one: Any = OneOf[animal].model_validate({"kind": "bird", "big_cat": {"mane": False}})
    assert one.chosen.legs == 2
    assert one.semantic() == {"kind": "bird", "bird": {"legs": 2}}
    with pytest.raises(ValidationError, match="big_cat"):
        OneOf[animal](kind="fish")


def test_settings_survive_pickle_and_json(animal: Any) -> None:
    for settings in (Every[animal](), OneOf[animal](kind="bird")):
        assert pickle.loads(pickle.dumps(settings)) == settings
        assert type(settings).model_validate_json(settings.model_dump_json()) == settings


def test_settings_are_frozen(animal: Any) -> None:
    with pytest.raises(ValidationError):
        Every[animal]().bird.legs = 7


def test_file_and_block_must_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "from zoo_with_a_stray import Animal\nclass Fish(Animal):\n    '''A fish.'''\n"
    animal = family(tmp_path, "zoo_with_a_stray", monkeypatch, **{"whale.py": wrong})
    with pytest.raises(
        TypeError, match=r"zoo_with_a_stray\.whale must define one Animal named after the file, not Fish"
    ):
        discover_blocks(animal)
