"""A recipe: the settings of every stage, and how a file and `--set` change the defaults."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from tasks.block import Block
from tasks.clean.task import Clean
from tasks.crawl.task import Crawl
from tasks.dedup.task import Dedup
from tasks.evaluate.task import Evaluate
from tasks.pretrain.task import Pretrain
from tasks.tokenize.task import Tokenize


class Recipe(Block):
    """Everything that decides a run, stage by stage. Recipe files name only what differs from these defaults."""

    corpus: str = ""
    """name of a corpus that grows: each whole run (not one of only some stages) with another crawl.snapshot adds what
    is new; empty: runs stand alone"""
    crawl: Crawl = Crawl()
    """Where the pages come from, and how politely they are fetched."""
    clean: Clean = Clean()
    """How text is taken out of pages, and which documents stay."""
    dedup: Dedup = Dedup()
    """How near is a duplicate."""
    tokenize: Tokenize = Tokenize()
    """The vocabulary, and what is kept out of training."""
    pretrain: Pretrain = Pretrain()
    """The model, what it learns from, and for how long."""
    evaluate: Evaluate = Evaluate()
    """What the model is tried on, and against what."""

    def dated(self, today: str) -> "Recipe":
        """The same with the snapshot "today" replaced by the date."""
        return self.model_copy(update={"crawl": self.crawl.dated(today)})


class UnknownSetting(Exception):
    """A recipe or `--set` names what does not exist, or gives it a value that it cannot have."""


def recipe_of(file: Path | None = None, changes: Iterable[str] = ()) -> Recipe:
    """The defaults, changed by a recipe file and then by `path.to.setting=value` lines. Raises UnknownSetting."""
    settings: dict[str, Any] = Recipe().model_dump(mode="json")
    if file is not None:
        settings = overlaid(Recipe, settings, loaded(file), "")
    for change in changes:
        path, sign, value = change.partition("=")
        if not sign:
            raise UnknownSetting(f"{change!r} is not of the form path.to.setting=value")
        try:
            nested: Any = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UnknownSetting(f"the value of {path} is not YAML: {value}") from error
        for name in reversed(path.split(".")):
            nested = {name: nested}
        settings = overlaid(Recipe, settings, nested, "")
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors()
        )
        raise UnknownSetting(wrong) from error


def loaded(file: Path) -> dict[str, Any]:
    """The nested settings of a YAML file. Raises UnknownSetting when it is not one."""
    try:
        settings = yaml.safe_load(file.read_text())
    except OSError as error:
        raise UnknownSetting(f"recipe {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UnknownSetting(f"recipe {file} is not YAML: {error}") from error
    if settings is not None and not isinstance(settings, dict):
        raise UnknownSetting(f"recipe {file} must name stages and their settings")
    return settings or {}


def overlaid(block: type[Block], settings: Mapping[str, Any], changes: Any, path: str) -> dict[str, Any]:
    """`settings` with the changes laid over them, field by field; an unknown name lists the allowed ones."""
    if not isinstance(changes, dict):
        raise UnknownSetting(f"{path} is a group of settings: name one of {', '.join(block.model_fields)}")
    result = dict(settings)
    for name, value in changes.items():
        here = f"{path}.{name}" if path else str(name)
        field = block.model_fields.get(name)
        if field is None:
            near = difflib.get_close_matches(str(name), block.model_fields, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UnknownSetting(f"no setting {here}.{hint} Allowed here: {', '.join(block.model_fields)}")
        inner = field.annotation
        nested = isinstance(inner, type) and issubclass(inner, Block)
        result[name] = overlaid(inner, result[name], value, here) if nested else value  # type: ignore[arg-type]
    return result


def described(settings: Block, path: str = "") -> Iterable[tuple[str, Any, str]]:
    """Every setting below a block: its path, its value and what it is for."""
    for name, field in type(settings).model_fields.items():
        here = f"{path}.{name}" if path else name
        value = getattr(settings, name)
        if isinstance(value, Block):
            yield from described(value, here)
        else:
            yield here, value, " ".join([*(field.description or "").split(), *choices(field.annotation)])


def choices(annotation: Any) -> list[str]:
    """What a choice may be, for its help text."""
    return [f"(one of {', '.join(map(str, get_args(annotation)))})"] if get_origin(annotation) is Literal else []
