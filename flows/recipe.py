"""A recipe: the settings of every stage, and how a file and `--set` change the defaults."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from flows.recipe_errors import items, misnamed, refusal, unreadable
from tasks.block import Block
from tasks.clean.settings import Clean
from tasks.crawl.settings import Crawl
from tasks.dedup.settings import Dedup
from tasks.evaluate.settings import Evaluate
from tasks.pretrain.task import Pretrain
from tasks.tokenize.settings import Tokenize


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


MUST_BE_GIVEN = "(must be given)"


class UnknownSetting(Exception):
    """A recipe or `--set` names what does not exist, or gives it a value that it cannot have."""


class Unfit(UnknownSetting):
    """Each value is possible, but not all of them together."""


def recipe_of(file: Path | None = None, changes: Iterable[str] = ()) -> Recipe:
    """The defaults, changed by a recipe file and then by `path.to.setting=value` lines. Raises UnknownSetting."""
    layers = [loaded(file)] if file is not None else []
    layers += [parsed(change) for change in changes]
    refuse(sentence for layer in layers for sentence in misnamed(Recipe, layer))
    settings: dict[str, Any] = Recipe().model_dump(mode="json")
    for layer in layers:
        settings = overlaid(Recipe, settings, layer)
    return checked(settings)


def parsed(change: str) -> dict[str, Any]:
    """`a.b=1` → `{"a": {"b": 1}}`. Raises UnknownSetting."""
    path, sign, value = change.partition("=")
    if not sign:
        raise UnknownSetting(f"{change!r} is not of the form path.to.setting=value")
    try:
        return dict(nested(path, yaml.safe_load(value)))
    except yaml.YAMLError as error:
        raise UnknownSetting(f"the value of {path} is not YAML: {value}") from error


def refuse(sentences: Iterable[str]) -> None:
    """Raise UnknownSetting that says all of them, a line each; without any, do nothing."""
    if said := "\n  ".join(sentences):
        raise UnknownSetting(said)


def named(paths: Iterable[str]) -> None:
    """Raise UnknownSetting for paths that name no setting."""
    refuse(sentence for path in paths for sentence in misnamed(Recipe, nested(path, None)))


def value_of(recipe: Recipe, path: str) -> Any:
    """A setting by its path; None where there is none."""
    value: Any = recipe
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def as_given(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the settings' paths, each that stands for a list as a list of one."""
    return {
        path: [value] if isinstance(value_of(recipe, path), list | tuple) else value for path, value in values.items()
    }


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values, by the settings' paths; of a list the only one. Raises UnknownSetting."""
    settings: dict[str, Any] = recipe.model_dump(mode="json")
    for path, value in as_given(recipe, values).items():
        layer = nested(path, value)
        refuse(misnamed(Recipe, layer))
        settings = overlaid(Recipe, settings, layer)
    return checked(settings)


def nested(path: str, value: Any) -> Any:
    """`a.b` and 1 → `{"a": {"b": 1}}`."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def checked(settings: dict[str, Any]) -> Recipe:
    """The settings as a recipe. Raises UnknownSetting."""
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        errors = error.errors()
        kind = Unfit if all(each["type"] == "value_error" for each in errors) else UnknownSetting
        raise kind("\n  ".join(map(refusal, errors))) from error


def loaded(file: Path) -> dict[str, Any]:
    """The nested settings of a YAML file. Raises UnknownSetting when it is not one."""
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownSetting(f"recipe {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnknownSetting(f"recipe {file} is not UTF-8 text: {error}") from error
    except yaml.YAMLError as error:
        raise UnknownSetting(unreadable(file, error)) from error
    if settings is not None and not isinstance(settings, dict):
        raise UnknownSetting(f"recipe {file} must name stages and their settings")
    return settings or {}


def overlaid(block: type[Block], settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the changes laid over them, field by field. Look for misnamed ones before."""
    result = dict(settings)
    for name, value in changes.items():
        inner = block.model_fields[name].annotation
        is_group = isinstance(inner, type) and issubclass(inner, Block)
        result[name] = overlaid(inner, result[name], value) if is_group else value  # type: ignore[arg-type]
    return result


def described(settings: Block, path: str = "") -> Iterable[tuple[str, str, str]]:
    """Every setting below a block: its path, its value as JSON and what it is for; of lists of blocks those of an item.

    An item stands behind `[]`, as in evaluate.benchmarks.labelled_text.sets[].train.
    """
    for name, field in type(settings).model_fields.items():
        here = f"{path}.{name}" if path else name
        value = getattr(settings, name, MUST_BE_GIVEN)
        if isinstance(value, Block):
            yield from described(value, here)
            continue
        written = value if value is MUST_BE_GIVEN else json.dumps(value, ensure_ascii=False)
        yield here, written, " ".join([*(field.description or "").split(), *choices(field.annotation)])
        for item in items(field.annotation):
            yield from described(item.model_construct(), f"{here}[]")


def choices(annotation: Any) -> list[str]:
    """What a choice may be, for its help text."""
    return [f"(one of {', '.join(map(str, get_args(annotation)))})"] if get_origin(annotation) is Literal else []
