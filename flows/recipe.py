"""A recipe: the settings of every stage, and how a file and `--set` change the defaults."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo

from flows.recipe_errors import (
    describe_error,
    describe_yaml_error,
    find_misnamed,
    find_renamed,
    list_item_blocks,
)
from tasks.block import Block
from tasks.clean.settings import Clean
from tasks.crawl.settings import Crawl
from tasks.dedup.settings import Dedup
from tasks.evaluate.settings import Evaluate
from tasks.finetune.settings import Finetune, has_data
from tasks.pretrain.task import Pretrain
from tasks.tokenize.settings import Tokenize


class Recipe(Block):
    """The settings of a run, stage by stage. Recipe files name only what differs from these defaults."""

    corpus: str = ""
    """name of a corpus that grows: each complete run (not one of only some stages) with another crawl.snapshot adds
    what is new; empty: runs stand alone"""
    crawl: Crawl = Crawl()
    """The source of pages, and how politely they are fetched."""
    clean: Clean = Clean()
    """Extraction of text from pages, and the documents that are kept."""
    dedup: Dedup = Dedup()
    """Removal of near-duplicates."""
    tokenize: Tokenize = Tokenize()
    """The vocabulary, and what is held out of training."""
    pretrain: Pretrain = Pretrain()
    """The model, its training objective, and for how long it is trained."""
    finetune: Finetune = Finetune()
    """The tasks that a fine-tuned model is kept of."""
    evaluate: Evaluate = Evaluate()
    """The benchmarks, and the baselines that the model is compared with."""

    # before the fields are looked at, which would only call an old name unknown
    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, settings: Any) -> Any:
        """Name the new names, also to those who give settings through the Prefect UI or API."""
        if isinstance(settings, dict) and (sentences := list(find_renamed(cls, settings))):
            raise ValueError("\n".join(sentences))
        return settings

    def with_date(self, today: str) -> "Recipe":
        """Return the recipe with the snapshot name "today" replaced by the date."""
        return self.model_copy(update={"crawl": self.crawl.with_date(today)})

    def find_stage_settings(self, stage: str) -> Block:
        """Return the settings of a stage that is run alone."""
        if stage == "extract":
            return self.clean.extract_settings()
        settings: Block = self.evaluate_settings() if stage == "evaluate" else getattr(self, stage)
        return settings

    def evaluate_settings(self) -> Evaluate:
        """Return the settings of the evaluation, whose benchmarks are also the tasks of the kept models.

        A data set that only finetune names is scored with the kept model's label count alone. Raises StageFailure for a
        suite's folder that does not exist.
        """
        changed: dict[str, Any] = {}
        for settings in [] if self.finetune.folder else self.finetune.list_tasks():
            for kind, block in settings.benchmarks.blocks():
                if block.enabled and has_data(block):
                    known = changed.get(kind, getattr(self.evaluate.benchmarks, kind))
                    changed[kind] = add_benchmark_data(known, block, settings.labels)
        if not changed:
            return self.evaluate
        return self.evaluate.model_copy(update={"benchmarks": self.evaluate.benchmarks.model_copy(update=changed)})


def add_benchmark_data(benchmark: Any, other: Any, labels: int) -> Any:
    """Return a benchmark with the data set of another one; one without data sets is returned enabled, as the other."""
    sets = getattr(other, "sets", None)
    if sets is None:
        return benchmark if benchmark.enabled else other
    known = {data.name for data in benchmark.sets if getattr(data, "name", "")} if benchmark.enabled else set()
    added = [
        data if data.labels_per_class else data.model_copy(update={"labels_per_class": [labels]})
        for data in sets
        if data.name not in known
    ]
    return benchmark.model_copy(
        update={"enabled": True, "sets": [*(benchmark.sets if benchmark.enabled else []), *added]}
    )


MUST_BE_GIVEN = "(must be given)"
BOUNDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
}
"""pydantic's name of a bound → words for it"""


class UnknownSetting(Exception):
    """A recipe or `--set` names what does not exist, or gives it a value that it cannot have."""


class InconsistentSettings(UnknownSetting):
    """Each value is possible, but not all of them together."""


def load_recipe(file: Path | None = None, changes: Iterable[str] = ()) -> Recipe:
    """Return the defaults, changed by a recipe file and then by `path.to.setting=value` lines.

    Raises UnknownSetting, which lists every misnamed and every renamed setting.
    """
    layers = [load_recipe_file(file)] if file is not None else []
    layers += [parse_change(change) for change in changes]
    # all layers, before any is merged: the user gets every mistake in one message
    raise_unknown(sentence for layer in layers for sentence in find_misnamed(Recipe, layer))
    # only what is named, without the defaults: a setting may decide the defaults of others
    settings: dict[str, Any] = {}
    for layer in layers:
        settings = merge_settings(Recipe, settings, layer)
    return validate_recipe(settings)


def parse_change(change: str) -> dict[str, Any]:
    """`a.b=1` → `{"a": {"b": 1}}`. Raises UnknownSetting."""
    path, sign, value = change.partition("=")
    if not sign:
        raise UnknownSetting(f"{change!r} is not of the form path.to.setting=value")
    try:
        return dict(nest_value(path, yaml.safe_load(value)))
    except yaml.YAMLError as error:
        raise UnknownSetting(f"the value of {path} is not YAML: {value}") from error


def raise_unknown(sentences: Iterable[str]) -> None:
    """Raise UnknownSetting with all sentences, a line each; without any, do nothing."""
    if message := "\n  ".join(sentences):
        raise UnknownSetting(message)


def require_known(paths: Iterable[str]) -> None:
    """Raise UnknownSetting for paths that name no setting."""
    raise_unknown(sentence for path in paths for sentence in find_misnamed(Recipe, nest_value(path, None)))


def get_setting(recipe: Recipe, path: str) -> Any:
    """Return a setting by its path; None where there is none."""
    value: Any = recipe
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def wrap_lists(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the settings' paths, each value of a setting that takes a list as a list of one."""
    return {
        path: [value] if isinstance(get_setting(recipe, path), list | tuple) else value
        for path, value in values.items()
    }


def change_recipe(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with other values, by the settings' paths; of a list the only one. Raises UnknownSetting."""
    settings: dict[str, Any] = recipe.model_dump(mode="json")
    for path, value in wrap_lists(recipe, values).items():
        layer = nest_value(path, value)
        raise_unknown(find_misnamed(Recipe, layer))
        settings = merge_settings(Recipe, settings, layer)
    return validate_recipe(settings)


def nest_value(path: str, value: Any) -> Any:
    """`a.b` and 1 → `{"a": {"b": 1}}`; behind `[]` follows a setting of the items of a list: `{"a": [{"b": 1}]}`."""
    for name in reversed(path.split(".")):
        is_list = name.endswith("[]")
        value = {name.removesuffix("[]"): [value] if is_list else value}
    return value


def validate_recipe(settings: dict[str, Any]) -> Recipe:
    """Return the settings as a recipe. Raises UnknownSetting."""
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        errors = error.errors()
        kind = InconsistentSettings if all(detail["type"] == "value_error" for detail in errors) else UnknownSetting
        raise kind("\n  ".join(map(describe_error, errors))) from error


def load_recipe_file(file: Path) -> dict[str, Any]:
    """Return the nested settings of a YAML file. Raises UnknownSetting when it cannot be read as one."""
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownSetting(f"recipe {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnknownSetting(f"recipe {file} is not UTF-8 text: {error}") from error
    except yaml.YAMLError as error:
        raise UnknownSetting(describe_yaml_error(file, error)) from error
    if settings is not None and not isinstance(settings, dict):
        raise UnknownSetting(f"recipe {file} must name stages and their settings")
    return settings or {}


def merge_settings(block: type[Block], settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` with the changes laid over them, field by field. Look for misnamed ones before."""
    merged = dict(settings)
    for name, value in changes.items():
        inner = block.model_fields[name].annotation
        is_group = isinstance(inner, type) and issubclass(inner, Block)
        merged[name] = merge_settings(inner, merged.get(name, {}), value) if is_group else value  # type: ignore[arg-type]
    return merged


def list_settings(settings: Block, path: str = "") -> Iterable[tuple[str, str, str]]:
    """Yield every setting below a block: its path, its value as JSON and its help text.

    Settings of the items of a list follow behind `[]`, as in evaluate.benchmarks.labelled_text.sets[].train.
    """
    for name, field in type(settings).model_fields.items():
        inner_path = f"{path}.{name}" if path else name
        # model_construct() leaves out fields that have no default
        value = getattr(settings, name, MUST_BE_GIVEN)
        if isinstance(value, Block):
            yield from list_settings(value, inner_path)
            continue
        value_text = value if value is MUST_BE_GIVEN else json.dumps(value, ensure_ascii=False)
        help_text = [*(field.description or "").split(), *describe_choices(field.annotation), *describe_bounds(field)]
        yield inner_path, value_text, " ".join(help_text)
        for item in list_item_blocks(field.annotation):
            yield from list_settings(item.model_construct(), f"{inner_path}[]")


def describe_bounds(field: FieldInfo) -> list[str]:
    """Return what a setting's value may be, `(at least 3, at most 100)`, for its help text; nothing without bounds."""
    bounds = [
        words.format(value)
        for name, words in BOUNDS.items()
        for constraint in field.metadata
        if (value := getattr(constraint, name, None)) is not None
    ]
    return [f"({', '.join(bounds)})"] if bounds else []


def describe_choices(annotation: Any) -> list[str]:
    """Return the possible values of a choice, for its help text; nothing for other settings."""
    return [f"(one of {', '.join(map(str, get_args(annotation)))})"] if get_origin(annotation) is Literal else []
