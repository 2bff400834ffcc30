"""`textmill run`: the pipeline, or one stage."""

import argparse
import time

from flows.cli.errors import BadUsage
from flows.cli.recipe_options import add_recipe_options, add_stage_options, get_today, parse_recipe_and_stages
from flows.cli.stage_names import STAGE_NAMES

HELP = "run the pipeline, or one stage, doing only what is not in the store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the stage, its input, the settings and the selection of stages."""
    stages = ", ".join(STAGE_NAMES)
    parser.add_argument(
        "stage", nargs="?", choices=STAGE_NAMES, metavar="STAGE", help=f"one of {stages}; clean runs extract too"
    )
    parser.add_argument("--input", metavar="KEY", default="newest", help="for one stage: the artifact that it takes")
    add_recipe_options(parser)
    add_stage_options(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Check what can be checked before Prefect starts, run, and print what was built; 3 where it is incomplete."""
    if not arguments.stage and arguments.input != "newest":
        raise BadUsage("--input goes with one stage, e.g. textmill run clean --input KEY")
    if arguments.stage and (arguments.only or arguments.from_stage):
        raise BadUsage(f"--only and --from choose among all stages; here {arguments.stage} alone is run")
    recipe, selection = parse_recipe_and_stages(arguments)
    from flows import preflight
    from tasks.store import Store

    if arguments.stage:
        preflight.check_stage(recipe.with_date(get_today()), arguments.stage, arguments.input, Store.current())
    else:
        preflight.check_run(recipe.with_date(get_today()), selection, Store.current())
    from flows.cli.start_flows import finish_run, run_pipeline, run_stage

    started = time.time()
    if arguments.stage:
        is_forced = arguments.stage in arguments.force
        artifacts = run_stage(arguments.stage, recipe, arguments.input, force=is_forced)
    else:
        artifacts = run_pipeline(recipe, selection)
    return finish_run(artifacts, started)
