"""Which settings a search may change, and what they may be."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FORM = re.compile(r"(?P<path>\w+(?:\.\w+)*)=(?P<kind>log|float|int|choice):(?P<range>.+)")
FORMS = "SETTING=log:LOW..HIGH, float:LOW..HIGH, int:LOW..HIGH or choice:ONE,TWO,…"


@dataclass(frozen=True)
class Dimension:
    """One setting of a search: by its path in the recipe, and its choices or its two ends."""

    path: str
    kind: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> "Dimension":
        """`pretrain.optimizer.learning_rate=log:1e-4..1e-2`. Raises ValueError that says how it is written."""
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not of the form {FORMS}")
        path, kind, given = match["path"], match["kind"], match["range"]
        if kind == "choice":
            return cls(path, kind, _choices(path, given))
        return cls(path, kind, _ends(path, kind, given))

    def distribution(self) -> "BaseDistribution":
        """The same for optuna. A log scale between whole numbers gives whole numbers."""
        from optuna import distributions  # noqa: PLC0415 - an optional package

        if self.kind == "choice":
            return distributions.CategoricalDistribution(self.values)
        low, high = self.values
        if isinstance(low, int) and isinstance(high, int) and self.kind != "float":
            return distributions.IntDistribution(low, high, log=self.kind == "log")
        return distributions.FloatDistribution(low, high, log=self.kind == "log")

    def holds(self, value: Any) -> bool:
        """Whether the setting may be this."""
        if self.kind == "choice":
            return value in self.values
        low, high = self.values
        return isinstance(value, int | float) and low <= value <= high


def _choices(path: str, given: str) -> tuple[Any, ...]:
    found = tuple(_value(each.strip()) for each in given.split(","))
    if len(set(map(repr, found))) < 2 or not all(isinstance(each, str | int | float | None) for each in found):
        raise ValueError(f"{path}: give at least two different choices, each a word or a number, not {given!r}")
    return found


def _ends(path: str, kind: str, given: str) -> tuple[int | float, ...]:
    try:
        ends = tuple(_number(each) for each in given.split(".."))
        low, high = ends
    except ValueError:
        raise ValueError(f"{path}: {given!r} is not of the form LOW..HIGH") from None
    if low >= high or (kind == "log" and low <= 0):
        more = " and more than 0" if kind == "log" else ""
        raise ValueError(f"{path}: in {given!r} LOW must be less than HIGH{more}")
    if kind == "int" and not all(isinstance(end, int) for end in ends):
        raise ValueError(f"{path}: int needs whole numbers, not {given!r}")
    return ends


def _value(text: str) -> Any:
    try:
        return _number(text)  # YAML takes 1e-4 for a word
    except ValueError:
        return yaml.safe_load(text)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
