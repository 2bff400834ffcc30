"""`textmill plan`: what a run would do."""

import argparse

from flows.cli.errors import BadUsage
from flows.cli.recipe_options import add_recipe_options, add_stage_options, get_today, parse_recipe_and_stages
from flows.cli.stage_names import STAGE_NAMES

HELP = (
    "each stage and why: cached, run (will be built), incomplete (built, but something is missing: will be asked for "
    "again), waiting (depends on the result of a previous stage), from store (taken from the store, as asked), missing "
    "(asked from the store, and not there), not selected, lost (of a previous snapshot, corrupt, and cannot be built "
    "again)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the stage, its input, the settings and the selection of stages."""
    parser.add_argument("stage", nargs="?", choices=STAGE_NAMES, metavar="STAGE",
                        help="plan this stage alone, as `run STAGE` does; its input comes from the store")  # fmt: skip
    parser.add_argument("--input", metavar="KEY", default="newest", help="for one stage: the artifact that it takes")
    add_recipe_options(parser)
    add_stage_options(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print a row for each stage, and warnings."""
    if arguments.stage and (arguments.only or arguments.from_stage or arguments.force):
        raise BadUsage(f"--only, --from and --force choose among all stages; here {arguments.stage} alone is planned")
    if not arguments.stage and arguments.input != "newest":
        raise BadUsage("--input goes with one stage, e.g. textmill plan evaluate --input KEY")
    recipe, selection = parse_recipe_and_stages(arguments)
    from flows.plan import make_plan, plan_stage_alone
    from flows.preflight import check_evaluation, check_stage_settings
    from flows.text_table import format_table
    from tasks.store import Store

    dated_recipe = recipe.with_date(get_today())
    if arguments.stage:
        rows = plan_stage_alone(dated_recipe, arguments.stage, arguments.input, Store.current())
    else:
        rows = make_plan(dated_recipe, selection, Store.current())
    head = ("STAGE", "KEY", "STATE", "REASON")
    print(format_table([head, *((row.stage, row.key, row.state, row.reason) for row in rows)]))
    for row in rows:
        if row.warning:
            print(f"warning: {row.warning}")
    if arguments.stage:
        check_stage_settings(dated_recipe, arguments.stage)
    else:
        check_evaluation(recipe, selection)
    return 0
