"""`textmill tune`: find better settings by many trials."""

import argparse
from pathlib import Path

from flows.cli.errors import BadUsage
from flows.cli.recipe_options import add_recipe_options, get_today

HELP = (
    "find settings that pretrain to a lower validation loss, or settings of fine-tuning (evaluate.finetuning) that "
    "reach a higher validation score; an interrupted study is continued"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the space and how it is searched."""
    add_recipe_options(parser)
    parser.add_argument("space", nargs="+", metavar="SETTING=RANGE",
                        help="pretrain.optimizer.learning_rate=log:1e-4..1e-2, also float:LOW..HIGH and int:LOW..HIGH; "
                             "pretrain.schedule.shape=choice:wsd,cosine; or only settings of fine-tuning such as "
                             "evaluate.finetuning.learning_rates=log:1e-4..1e-2")  # fmt: skip
    parser.add_argument("--checkpoint", metavar="KEY", default="newest",
                        help="for fine-tuning: the pretrain artifact that is fine-tuned, or recipe: the model that the "
                             "recipe gives, trained first where it is not in the store (default: newest)")  # fmt: skip
    parser.add_argument("--trials", type=int, default=20, help="in all; the first is the recipe as it is (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="decides which settings are tried (default: 0)")
    parser.add_argument("--no-pruning", action="store_true", help="run every trial to its end")


def run_command(arguments: argparse.Namespace) -> int:
    """Check the space before Prefect starts, run the trials, and print the best settings."""
    from pydantic import ValidationError

    from flows.preflight import check_tuning
    from flows.recipe import UnknownSetting, load_recipe, require_known
    from flows.recipe_errors import describe_error
    from tasks.store import Store
    from tasks.tuning.settings import Tuning

    try:
        require_known(dimension.partition("=")[0] for dimension in arguments.space)
        recipe = load_recipe(arguments.recipe, arguments.changes)
        settings = Tuning(
            space=tuple(arguments.space),
            checkpoint=arguments.checkpoint,
            trials=arguments.trials,
            seed=arguments.seed,
            prune=not arguments.no_pruning,
        )
        check_tuning(recipe.with_date(get_today()), settings, Store.current())
    except ValidationError as error:
        raise BadUsage("\n  ".join(map(describe_error, error.errors()))) from error
    except UnknownSetting as error:
        raise BadUsage(str(error)) from error
    from flows.cli.start_flows import prepare_prefect
    from flows.tune import tune

    prepare_prefect()
    folder = Path(tune(recipe, settings))
    print((folder / "best.yaml").read_text() + f"\ntrials: {folder / 'trials.svg'}")
    return 0
