"""A block is its own settings: frozen pydantic fields, and one method that does the work.

A folder of blocks is a registry: one file, one block, file name = kind = class name in snake_case. The base class
stands in the folder's `__init__.py`. `Every[Base]` is a settings model with one field per block of the folder,
`OneOf[Base]` one that chooses a block by kind: plain nested forms in the Prefect UI, no unions.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator


class Block(BaseModel):
    """Frozen settings whose method does the work. Fields are JSON types, so that a key can be made of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _keep_default_kinds(cls, settings: Any) -> Any:
        """Keep the default kind of a choice of which only other settings are given: `source: {web: {…}}`."""
        if not isinstance(settings, dict):
            return settings
        kinds = {
            name: {"kind": field.default.kind} | value
            for name, field in cls.model_fields.items()
            if isinstance(field.default, OneOf) and isinstance(value := settings.get(name), dict)
        }
        return settings | kinds if kinds else settings

    def semantic(self) -> dict[str, Any]:
        """Return the settings that decide the outcome, as JSON types: the part that enters an artifact's key."""
        return {name: semantic_value(getattr(self, name)) for name in type(self).model_fields}


B = TypeVar("B", bound=Block)


def semantic_value(value: Any) -> Any:
    """Return the semantic part of a field's value, through lists and nested blocks."""
    if isinstance(value, Block):
        return value.semantic()
    if isinstance(value, (list, tuple)):
        # a list also for a tuple: recorded settings come back from JSON as lists, and new ones are compared with them
        return [semantic_value(item) for item in value]
    if isinstance(value, dict):
        return {name: semantic_value(item) for name, item in value.items()}
    return value


def block_kind(block: type[Block]) -> str:
    """Return the kind of a block, its class name in snake case: `WordCount` → `word_count`."""
    # no underscore within a run of capitals: `HTMLText` → `htmltext`
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", block.__name__).lower()


@functools.cache
# Apart from `discover_blocks`, because functools.cache would lose its type variable.
def _discover_blocks(base: type[Block]) -> dict[str, type[Block]]:
    package = importlib.import_module(base.__module__)
    blocks_by_kind: dict[str, type[Block]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        # files that blocks share, such as sources/_row_source.py
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        blocks = [
            block
            for block in vars(module).values()
            # the base class and imported blocks do not count: they are defined elsewhere
            if isinstance(block, type) and issubclass(block, base) and block.__module__ == module.__name__
        ]
        if [block_kind(block) for block in blocks] != [info.name]:
            names = ", ".join(block.__name__ for block in blocks) or "none"
            raise TypeError(f"{module.__name__} must define one {base.__name__} named after the file, not {names}")
        blocks_by_kind[info.name] = blocks[0]
    return blocks_by_kind


def discover_blocks(base: type[B]) -> dict[str, type[B]]:
    """Import the blocks of the folder whose `__init__.py` defines `base`: kind → class, in order of the files."""
    return cast("dict[str, type[B]]", _discover_blocks(base))


def unpickle_family(family: type[Block], base: type[Block], fields: dict[str, Any]) -> Block:
    """Rebuild a family of settings from a pickle: its class is made at run time and cannot be imported by name."""
    # `family[base]` is cached, so this is the class that the rest of the process has, and equal settings compare equal
    return cast("type[Block]", family[base]).model_validate(fields)  # type: ignore[index]


def docstring_summary(block: type[Block]) -> str:
    return (block.__doc__ or "").strip().splitlines()[0]


class _Family(Block):
    """Base of `Every` and `OneOf`: settings that remember their registry and pickle by it."""

    family: ClassVar[Any]
    base: ClassVar[type[Block]]

    def __reduce__(self) -> tuple[Any, ...]:
        # the generic class and the base can be imported by name, the class that was made of them cannot
        return unpickle_family, (self.family, self.base, self.model_dump())


class Every(_Family, Generic[B]):
    """All blocks of a folder, each with its own settings."""

    if not TYPE_CHECKING:

        def __class_getitem__(cls, base: type[Block]) -> type[Block]:
            # For a type checker `Every` is an ordinary generic class. At run time `Every[Filter]` is a model with a
            # field for each block; with a type variable, as in annotations, it stays the class itself.
            return cls if isinstance(base, TypeVar) else _make_every(base)

    def blocks(self) -> Iterator[tuple[str, B]]:
        """Yield every block with its kind, in order of the file names."""
        for kind in discover_blocks(self.base):
            yield kind, getattr(self, kind)


class OneOf(_Family, Generic[B]):
    """One block of a folder, chosen by `kind`; the settings of the others are kept but ignored."""

    kind: str

    if not TYPE_CHECKING:

        def __class_getitem__(cls, base: type[Block]) -> type[Block]:
            return cls if isinstance(base, TypeVar) else _make_one_of(base)

    @property
    def chosen(self) -> B:
        """The chosen block."""
        return cast("B", getattr(self, self.kind))

    def semantic(self) -> dict[str, Any]:
        """Return the kind and the settings of the chosen block only."""
        return {"kind": self.kind, self.kind: self.chosen.semantic()}


@functools.cache
def _make_every(base: type[Block]) -> type[Block]:
    fields: dict[str, Any] = {
        kind: (block, Field(default_factory=block, description=docstring_summary(block)))
        for kind, block in discover_blocks(base).items()
    }
    family = create_model(f"Every{base.__name__}", __base__=Every, __module__=__name__, __doc__=base.__doc__, **fields)
    family.base, family.family = base, Every
    return family


@functools.cache
def _make_one_of(base: type[Block]) -> type[Block]:
    kinds = tuple(discover_blocks(base))
    fields: dict[str, Any] = {
        "kind": (Literal[kinds], Field(description=f"which {block_kind(base).replace('_', ' ')}"))
    }
    for kind, block in discover_blocks(base).items():
        # a field for each block, so that a form keeps the settings of those that are not chosen
        fields[kind] = (block, Field(default_factory=block, description=docstring_summary(block)))
    family = create_model(f"OneOf{base.__name__}", __base__=OneOf, __module__=__name__, __doc__=base.__doc__, **fields)
    family.base, family.family = base, OneOf
    return family
