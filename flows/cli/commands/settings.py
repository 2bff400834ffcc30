"""`textmill settings`: every setting, its default and what it is for."""

import argparse
import difflib

from flows.cli.errors import BadUsage

HELP = "every setting: its default and what it is for"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the group of settings."""
    parser.add_argument("path", nargs="?", default="", help="only settings below this path, e.g. clean.filters")


def suggest_path(path: str) -> str:
    """Suggest the most similar path of all settings, or list the groups."""
    from flows.recipe import Recipe, list_settings

    paths = [known for known, _, _ in list_settings(Recipe())]
    similar = difflib.get_close_matches(path, paths, 1)
    return f": did you mean {similar[0]}?" if similar else f": begin with one of {', '.join(Recipe.model_fields)}"


def run_command(arguments: argparse.Namespace) -> int:
    """Print the settings below a path."""
    from flows.recipe import Recipe, list_settings, nest_value
    from flows.recipe_errors import find_misnamed

    prefix = f"{arguments.path.replace('[]', '')}." if arguments.path else ""
    settings = [
        (path, value, help_text)
        for path, value, help_text in list_settings(Recipe())
        if f"{path.replace('[]', '')}.".startswith(prefix)
    ]
    if not settings:
        misnamed = "\n  ".join(find_misnamed(Recipe, nest_value(arguments.path, None)))
        raise BadUsage(misnamed or f"no setting {arguments.path}{suggest_path(arguments.path)}")
    for path, value, help_text in settings:
        print(f"{path} = {value}\n    {help_text}")
    return 0
