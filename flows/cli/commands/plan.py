"""`textmill plan`: what a run would do."""

import argparse

from flows.cli.recipe_options import add_recipe_options, add_stage_options, get_today, parse_recipe_and_stages

HELP = (
    "each stage and why: cached, run (will be built), incomplete (built, but something is missing: will be asked for "
    "again), waiting (depends on the result of a previous stage), from store (taken from the store, as asked), missing "
    "(asked from the store, and not there), not selected"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings and the selection of stages."""
    add_recipe_options(parser)
    add_stage_options(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print a row for each stage, and warnings."""
    recipe, selection = parse_recipe_and_stages(arguments)
    from flows.plan import make_plan
    from flows.preflight import check_evaluation
    from flows.text_table import format_table
    from tasks.store import Store

    rows = make_plan(recipe.with_date(get_today()), selection, Store.current())
    head = ("STAGE", "KEY", "STATE", "REASON")
    print(format_table([head, *((row.stage, row.key, row.state, row.reason) for row in rows)]))
    for row in rows:
        if row.warning:
            print(f"warning: {row.warning}")
    check_evaluation(recipe, selection)
    return 0
