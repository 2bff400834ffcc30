"""The steps of an evaluation, in the order in which the stage takes them."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.draft import Draft
from tasks.evaluate.answer import summary
from tasks.evaluate.contamination import Contamination, check
from tasks.evaluate.fits import MODELS, baseline, choose, fit_file, score
from tasks.evaluate.history import ancestors, crawl_figures, funnel_steps, loss_curve, settings_lines
from tasks.evaluate.labelled import LabelledTexts
from tasks.evaluate.report import Story, render
from tasks.evaluate.scores import TITLES, Fit, Scoreboard, as_json, rows, write_json
from tasks.evaluate.task import Evaluate
from tasks.failure import StageFailure
from tasks.manifest import packages

log = logging.getLogger("textmill.evaluate")

COLUMNS = ["id", "url", "title", "text", "language"]
VERSIONS = ("textmill", "torch", "transformers", "tokenizers", "scikit-learn", "numpy", "polars")


def heldout_documents(tokens: Sequence[Path]) -> pl.DataFrame:
    """The documents of all snapshots kept out of training, in order. Raises StageFailure when there is none."""
    files = [path for each in tokens for path in sorted((each / "heldout").glob("*.parquet"))]
    found = pl.concat([pl.read_parquet(path, columns=COLUMNS) for path in files]) if files else pl.DataFrame()
    if found.is_empty():
        raise StageFailure(f"there are no held-out documents in {tokens[0] / 'heldout'}", "Raise tokenize.heldout")
    return found


def prepared(settings: Evaluate, draft: Draft, heldout: pl.DataFrame) -> list[Path]:
    """Make every enabled benchmark's data and keep it in the scratch folder, where the shards read it."""
    paths: dict[str, Path] = {}
    for _, benchmark in settings.benchmarks.blocks():
        for data in benchmark.data_sets(heldout) if benchmark.enabled else ():
            if data.name in paths:
                raise StageFailure(f"two data sets are called {data.name}", "Rename one of them")
            for labels in settings.labels_per_class:
                data.sample(labels, 0)  # fails now when a class is too small, not after minutes of fitting
            paths[data.name] = draft.scratch / f"{data.name}.parquet"
            data.save(paths[data.name])
            log.info("%s: %s classes, %s test texts", data.name, len(data.names), f"{len(data.test):,}")
    if not paths:
        raise StageFailure("no benchmark is enabled", "Enable one, as evaluate.benchmarks.site_section.enabled=true")
    return list(paths.values())


def unseen(tokens: Sequence[Path], heldout: pl.DataFrame, data: list[Path], draft: Draft) -> Contamination:
    """Check held-out documents and all test texts against the pretraining text. Raises StageFailure on a shared id."""
    texts = [text for path in data for text in LabelledTexts.load(path).test.texts]
    found = check(tokens, heldout, texts)
    draft.counts["contamination"] = found.as_dict()
    log.info(
        "no held-out document is in the pretraining text (%s documents checked against %s)",
        f"{found.heldout_documents:,}",
        f"{found.training_documents:,}",
    )
    return found


def scored(settings: Evaluate, draft: Draft, checkpoint: Path, data: Path) -> Scoreboard:
    """Choose each model's learning rate on validation, fit and score all models and baselines."""
    texts = LabelledTexts.load(data)
    rates = chosen_rates(settings, draft, checkpoint, data)
    runs = [
        (model, labels, seed)
        for labels in sorted(settings.labels_per_class, reverse=True)  # the long ones first, so that no core waits
        for seed in range(settings.seeds)
        for model in TITLES
    ]
    fitted = {run: (data, checkpoint, settings.recipe, *run, rates[run[:2]]) for run in runs if run[0] in MODELS}
    simple = {run: (data, *run[:1], *run[1:]) for run in runs if run[0] not in MODELS}
    counts = draft.map(score, {_shard(data, run): args for run, args in fitted.items()}, f"{texts.name}: fine-tune")
    counts |= draft.map(baseline, {_shard(data, run): args for run, args in simple.items()}, f"{texts.name}: baselines")
    fits = [
        Fit(
            benchmark=texts.name,
            model=model,
            labels=labels,
            seed=seed,
            metrics=counts[_shard(data, run)]["metrics"],
            chosen=counts[_shard(data, run)]["chosen"],
            validation=counts[_shard(data, run)]["validation"],
            curve=counts[_shard(data, run)]["curve"],
            guesses=pl.read_parquet(draft.path / fit_file(texts.name, model, labels, seed)),
        )
        for run in runs
        for model, labels, seed in [run]
    ]
    return Scoreboard(texts, fits)


def chosen_rates(settings: Evaluate, draft: Draft, checkpoint: Path, data: Path) -> dict[tuple[str, int], float]:
    """For every model and label count the learning rate with the best mean accuracy on validation; ties by loss."""
    recipe = settings.recipe
    tries = {
        (model, labels, seed, rate): (data, checkpoint, recipe, model, labels, seed, rate)
        for labels in sorted(settings.labels_per_class, reverse=True)
        for rate in recipe.learning_rates
        for model in MODELS
        for seed in range(min(settings.choice_seeds, settings.seeds))
    }
    if len(recipe.learning_rates) == 1:
        return {(model, labels): recipe.learning_rates[0] for model, labels, _, _ in tries}
    found = draft.map(choose, {_shard(data, run): args for run, args in tries.items()}, f"{data.stem}: learning rates")
    best: dict[tuple[str, int], float] = {}
    for model, labels in {run[:2]: None for run in tries}:
        standings = {
            rate: (
                sum(
                    found[_shard(data, run)]["accuracy"] for run in tries if (*run[:2], run[3]) == (model, labels, rate)
                ),
                -sum(found[_shard(data, run)]["loss"] for run in tries if (*run[:2], run[3]) == (model, labels, rate)),
            )
            for rate in recipe.learning_rates
        }
        best[model, labels] = max(standings, key=lambda rate: standings[rate])
        log.info("%s with %s labels a class: learning rate %g", TITLES[model], labels, best[model, labels])
    return best


def _shard(data: Path, run: tuple[Any, ...]) -> str:
    return "-".join([data.stem, *map(str, run)])


def write(settings: Evaluate, draft: Draft, checkpoint: Path, boards: list[Scoreboard], found: Contamination) -> None:
    """The artifact's files."""
    story = Story(
        boards=boards,
        contamination=found,
        crawl=crawl_figures(draft.lineage),
        funnel=funnel_steps(draft.lineage),
        loss=loss_curve(checkpoint / "metrics.jsonl"),
        ancestors=ancestors(draft.lineage),
        settings=settings_lines(settings.semantic()),
        versions={name: version for name, version in packages().items() if name in VERSIONS},
        model=model_facts(checkpoint),
    )
    with draft.write("scores.parquet") as path:
        rows(boards).write_parquet(path)
    with draft.write("scores.json") as path:
        write_json(path, as_json(boards, found.as_dict()))
    with draft.write("summary.md") as path:
        path.write_text(summary(boards, found), encoding="utf-8")
    with draft.write("report.html") as path:
        path.write_text(render(story), encoding="utf-8")


def model_facts(checkpoint: Path) -> list[tuple[str, str]]:
    """What kind of model it is, from its configuration."""
    try:
        config: dict[str, Any] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{checkpoint / 'config.json'} cannot be read: {error}", "Give a transformers folder"
        ) from error
    named = [
        ("architecture", ", ".join(config.get("architectures") or [str(config.get("model_type", ""))])),
        ("layers", config.get("num_hidden_layers", config.get("n_layer", config.get("num_layers")))),
        ("width", config.get("hidden_size", config.get("n_embd", config.get("d_model")))),
        ("vocabulary", config.get("vocab_size")),
    ]
    return [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in named if value]


def counted(boards: list[Scoreboard]) -> dict[str, Any]:
    """Mean accuracies for the manifest: benchmark → label count → model."""
    return {
        board.data.name: {
            str(labels): {model: round(board.spread(model, labels, "accuracy").mean, 4) for model in board.models}
            for labels in board.label_counts
        }
        for board in boards
    }
