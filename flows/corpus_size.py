"""A corpus that is too small for the settings: all that is wrong, and what helps, before a vocabulary is trained."""

import itertools
import math

import polars as pl

from flows.recipe import Recipe, change_recipe
from tasks.errors import StageFailure
from tasks.evaluate.task import find_heldout_problem, list_heldout_benchmarks
from tasks.store import Artifact
from tasks.tokenize.query import load_numbered_documents, split_documents

HELDOUT, VALIDATION = "tokenize.heldout_fraction", "tokenize.validation_fraction"
SECTIONS, LIKELIHOOD = "evaluate.benchmarks.site_section.enabled", "evaluate.benchmarks.language_modelling.heldout"
HELDOUT_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5)
VALIDATION_FRACTIONS = (0.05, 0.1, 0.2)
"""Fractions that are tried for a corpus that the given ones do not divide"""
Changes = dict[str, float | bool]


def check_corpus_size(recipe: Recipe, documents: Artifact) -> None:
    """Raise StageFailure when the documents of a dedup artifact are too few for a run up to its evaluation."""
    numbered = load_numbered_documents(documents)
    if numbered.is_empty():
        return  # tokenize says so
    problems = find_problems(recipe, numbered)
    if problems:
        counts, _ = split_documents(numbered, recipe.tokenize.validation_fraction, recipe.tokenize.heldout_fraction)
        lines = "".join(f"\n- {problem}" for problem in problems)
        raise StageFailure(
            f"the corpus is too small for these settings: of {len(numbered):,} documents {counts['train']:,} are in "
            f"train, {counts['validation']:,} in validation ({VALIDATION}={recipe.tokenize.validation_fraction:g}) "
            f"and {counts['heldout']:,} in heldout ({HELDOUT}={recipe.tokenize.heldout_fraction:g})" + lines,
            "Any of these helps:" + "".join(f"\n- {remedy}" for remedy in list_remedies(recipe, numbered)),
        )


def find_problems(recipe: Recipe, numbered: pl.DataFrame) -> list[str]:
    """Return a sentence for each split without documents, and for a benchmark that the held-out ones do not make."""
    fractions = recipe.tokenize
    counts, heldout = split_documents(numbered, fractions.validation_fraction, fractions.heldout_fraction)
    kinds = list_heldout_benchmarks(recipe.evaluate_settings())
    purposes = {
        "train": (1.0, "no document is left to train on"),
        "validation": (fractions.validation_fraction, "no document is in validation, where the loss is measured"),
        "heldout": (
            fractions.heldout_fraction,
            "no document is held out" + (f", and {' and '.join(kinds)} is made of these" if kinds else ""),
        ),
    }
    problems = [problem for split, (fraction, problem) in purposes.items() if fraction and not counts[split]]
    if counts["heldout"] and (problem := find_heldout_problem(recipe.evaluate_settings(), heldout)):
        problems.append(problem)
    return problems


def list_remedies(recipe: Recipe, numbered: pl.DataFrame) -> list[str]:
    """Return what makes a run possible: more documents, other settings that were tried, or an end before evaluate."""
    remedies = []
    if changes := find_fractions(recipe, numbered, {}):
        remedies.append(f"hold out more of them: the same command with {format_changes(changes)}")
    elif changes := find_fractions(recipe, numbered, {SECTIONS: False, LIKELIHOOD: True}):
        remedies.append(
            f"score them by bits per byte, without classes: the same command with {format_changes(changes)}"
        )
    # a split that is not asked for may be empty
    unasked: Changes = {HELDOUT: 0, VALIDATION: 0}
    if recipe.pretrain.patience:
        unasked["pretrain.patience"] = 0
    remedies.append(
        "end before the evaluation: the same command with --only tokenize --only pretrain " + format_changes(unasked)
    )
    # last, so that no full stop of the message stands behind a command
    sections = (
        ", in two sections or more" if "site_section" in list_heldout_benchmarks(recipe.evaluate_settings()) else ""
    )
    return [*remedies, f"let in more documents: {estimate_min_documents(recipe):,} or more{sections}"]


def estimate_min_documents(recipe: Recipe) -> int:
    """Return the number of documents below which a corpus of two equal sections is hardly ever enough."""
    fractions, sections = recipe.tokenize, recipe.evaluate_settings().benchmarks.site_section  # type: ignore[attr-defined]  # made at run time
    num_heldout = 2 * sections.min_documents_per_class if sections.enabled else 1
    needs = ((num_heldout, fractions.heldout_fraction), (1, fractions.validation_fraction))
    return max((math.ceil(number / fraction) for number, fraction in needs if fraction), default=1)


def find_fractions(recipe: Recipe, numbered: pl.DataFrame, others: Changes) -> Changes:
    """Return the smallest fractions with which, and with other changes, nothing is wrong; empty where none are."""
    tokenize = recipe.tokenize
    choices = itertools.product(
        (tokenize.heldout_fraction, *HELDOUT_FRACTIONS), (tokenize.validation_fraction, *VALIDATION_FRACTIONS)
    )
    for heldout, validation in choices:
        if (
            heldout < tokenize.heldout_fraction
            or validation < tokenize.validation_fraction
            or heldout + validation > 0.7
        ):
            continue
        changes: Changes = {HELDOUT: heldout, VALIDATION: validation} | others
        if not find_problems(change_recipe(recipe, changes), numbered):
            same = {HELDOUT: tokenize.heldout_fraction, VALIDATION: tokenize.validation_fraction}
            return {name: value for name, value in changes.items() if value != same.get(name)}
    return {}


def format_changes(changes: Changes) -> str:
    """Return changes of settings as options of the command line."""
    values = {name: str(value).lower() if isinstance(value, bool) else f"{value:g}" for name, value in changes.items()}
    return " ".join(f"--set {name}={value}" for name, value in values.items())
