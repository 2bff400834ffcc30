"""`textmill settings`: every setting, its default and what it is for."""

import argparse

from flows.cli.errors import BadUsage

HELP = "every setting: its default and what it is for"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the group of settings."""
    parser.add_argument("path", nargs="?", default="", help="only settings below this path, e.g. clean.filters")


def run_command(arguments: argparse.Namespace) -> int:
    """Print the settings below a path."""
    from flows.recipe import Recipe, list_settings, nest_value
    from flows.recipe_errors import find_renamed

    prefix = f"{arguments.path.replace('[]', '')}." if arguments.path else ""
    settings = [
        (path, value, help_text)
        for path, value, help_text in list_settings(Recipe())
        if f"{path.replace('[]', '')}.".startswith(prefix)
    ]
    if not settings:
        for sentence in find_renamed(Recipe, nest_value(arguments.path, None)):
            raise BadUsage(sentence)
        raise BadUsage(f"no setting below {arguments.path}: begin with one of {', '.join(Recipe.model_fields)}")
    for path, value, help_text in settings:
        print(f"{path} = {value}\n    {help_text}")
    return 0
