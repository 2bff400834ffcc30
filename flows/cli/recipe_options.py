"""The options that choose a run's settings and stages."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.errors import BadUsage
from flows.cli.stage_names import STAGE_NAMES

if TYPE_CHECKING:  # they load every stage
    from flows.graph import StageSelection
    from flows.recipe import Recipe

RECIPES = Path(__file__).parents[2] / "deployments" / "recipes"


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that give the settings of a run."""
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="settings that differ from the defaults (YAML)")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="SETTING=VALUE",
                        help="one setting, e.g. dedup.threshold=0.7; may be repeated")  # fmt: skip


def add_stage_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the stages of a run."""
    parser.add_argument("--from", dest="from_stage", default="", choices=STAGE_NAMES, metavar="STAGE",
                        help="build this stage and all after it again; those before come from the store")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], choices=STAGE_NAMES, metavar="STAGE",
                        help="run only this stage, what it needs comes from the store; may be repeated")  # fmt: skip
    parser.add_argument("--force", action="append", default=[], choices=STAGE_NAMES, metavar="STAGE",
                        help="build this stage again though it is cached; may be repeated")  # fmt: skip


def parse_recipe_and_stages(arguments: argparse.Namespace) -> "tuple[Recipe, StageSelection]":
    """Return the recipe and the stages that the options name. Raises BadUsage."""
    from flows.graph import StageSelection  # noqa: PLC0415 - loads every stage
    from flows.recipe import UnknownSetting, load_recipe  # noqa: PLC0415

    try:
        recipe = load_recipe(arguments.recipe, arguments.changes)
        return recipe, StageSelection(arguments.from_stage, tuple(arguments.only), tuple(arguments.force))
    except (UnknownSetting, ValueError) as error:
        raise BadUsage(str(error)) from error


def get_today() -> str:
    """Return the date. A flow run's own is the day that it was planned for; to ask that takes Prefect, slow to load."""
    return datetime.now(UTC).date().isoformat()
