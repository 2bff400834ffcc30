"""The space of tuning: which settings change, and the values that they can have."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:  # optuna is an optional package
    from optuna.distributions import BaseDistribution

DIMENSION = re.compile(r"(?P<path>\w+(?:\.\w+)*)=(?P<kind>log|float|int|choice):(?P<range>.+)")
DIMENSION_SYNTAX = "SETTING=log:LOW..HIGH, float:LOW..HIGH, int:LOW..HIGH or choice:ONE,TWO,…"


@dataclass(frozen=True)
class Dimension:
    """One setting to tune: its path in the recipe, and its choices or its two bounds."""

    path: str
    kind: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> "Dimension":
        """Parse `pretrain.optimizer.learning_rate=log:1e-4..1e-2`. Raises ValueError that shows the syntax."""
        match = DIMENSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not of the form {DIMENSION_SYNTAX}")
        path, kind, values = match["path"], match["kind"], match["range"]
        if kind == "choice":
            return cls(path, kind, _parse_choices(path, values))
        return cls(path, kind, _parse_bounds(path, kind, values))

    def distribution(self) -> "BaseDistribution":
        """Return the distribution for optuna. A log scale between whole numbers gives whole numbers."""
        from optuna import distributions  # noqa: PLC0415 - an optional package

        if self.kind == "choice":
            return distributions.CategoricalDistribution(self.values)
        low, high = self.values
        if isinstance(low, int) and isinstance(high, int) and self.kind != "float":
            return distributions.IntDistribution(low, high, log=self.kind == "log")
        return distributions.FloatDistribution(low, high, log=self.kind == "log")

    def contains(self, value: Any) -> bool:
        """Tell whether a value is among the choices or within the bounds."""
        if self.kind == "choice":
            return value in self.values
        low, high = self.values
        return isinstance(value, int | float) and low <= value <= high


def _parse_choices(path: str, text: str) -> tuple[Any, ...]:
    choices = tuple(_parse_value(choice.strip()) for choice in text.split(","))
    is_simple = all(isinstance(choice, str | int | float | None) for choice in choices)
    if len(set(map(repr, choices))) < 2 or not is_simple:
        raise ValueError(f"{path}: give at least two different choices, each a word or a number, not {text!r}")
    return choices


def _parse_bounds(path: str, kind: str, text: str) -> tuple[int | float, ...]:
    try:
        bounds = tuple(_parse_number(bound) for bound in text.split(".."))
        low, high = bounds
    except ValueError:
        raise ValueError(f"{path}: {text!r} is not of the form LOW..HIGH") from None
    if low >= high or (kind == "log" and low <= 0):
        positive = " and more than 0" if kind == "log" else ""
        raise ValueError(f"{path}: in {text!r} LOW must be less than HIGH{positive}")
    if kind == "int" and not all(isinstance(bound, int) for bound in bounds):
        raise ValueError(f"{path}: int needs whole numbers, not {text!r}")
    return bounds


def _parse_value(text: str) -> Any:
    try:
        return _parse_number(text)  # YAML reads 1e-4 as a text
    except ValueError:
        return yaml.safe_load(text)


def _parse_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
