"""The leaderboard: every evaluated model of a store, and how it compares with that of the previous snapshot."""

import json
import math
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from flows.growing_corpus import find_snapshot
from flows.text_table import format_table
from tasks.evaluate.query import Change, Result, compare_evaluations, load_results, why_not_comparable
from tasks.store import Store
from tasks.store.manifest import BestModel, Manifest, RunRecord

TOO_FEW_COMMON_TEXTS = "too few common texts"
ANSWERS_SINCE = 4  # the first version of evaluate that kept what each example contributes to the score of every kind
NOTE = """\
Score: mean over seeds, with the 95 % bootstrap interval over seeds and test texts. Change: against the previous
snapshot of the same corpus, paired over the test texts that both models were tested on, and over seeds where the
labelled samples are the same. Sure: p is below 0.05, corrected for all tasks of that comparison (Holm); it covers test
texts and seeds, and where answers are classes, MCC has to confirm it.
Scores of models that were tested on different texts are not comparable."""


@dataclass(frozen=True)
class LeaderboardEntry:
    """One evaluated model."""

    evaluation: Manifest
    model: str
    corpus: str
    snapshot: str
    trained: str
    mark: str
    """best, or by how much it is worse than the best; else empty"""
    results: tuple[Result, ...]
    previous: str
    """key of the evaluation that the changes are against, or why there is none"""
    changes: tuple[Change, ...]

    def find_change(self, result: Result) -> Change | None:
        """Find the change in the task of a result."""
        changes = {(change.benchmark, change.labels): change for change in self.changes}
        return changes.get((result.benchmark, result.labels))


def load_leaderboard(store: Store, last: int) -> list[LeaderboardEntry]:
    """Load the `last` evaluations that were built most recently, oldest first."""
    evaluations = [manifest for manifest in store.manifests("evaluate") if manifest.version >= ANSWERS_SINCE]
    runs = store.runs()
    corpora, previous = map_corpora(runs), map_previous_evaluations(runs)
    marks = {key: f"worse: {how}" for best in store.best_models() for key, how in best.worse.items()}
    marks |= {best.evaluation.key: "best" for best in store.best_models()}
    return [
        load_entry(store, manifest, corpora.get(manifest.key, ""), previous.get(manifest.key, ""), marks)
        for manifest in evaluations[-last:]
    ]


def load_entry(
    store: Store, evaluation: Manifest, corpus: str, previous_key: str, marks: dict[str, str]
) -> LeaderboardEntry:
    """Load the scores of one evaluation and compute its changes."""
    lineage = store.lineage(evaluation.inputs)
    model = next(source for source in evaluation.inputs if source.stage == "pretrain")
    snapshots = [manifest.settings["snapshot"] for manifest in lineage if manifest.stage == "crawl"]
    trained = next((manifest.finished for manifest in lineage if manifest.key == model.key), evaluation.finished)
    previous, changes = compare_with_previous(store, evaluation, previous_key)
    answers = store.artifact(evaluation).folder_with("answers.parquet")
    return LeaderboardEntry(
        evaluation=evaluation,
        model=model.key,
        corpus=corpus,
        snapshot=snapshots[-1] if snapshots else "",
        trained=trained,
        mark=marks.get(evaluation.key, ""),
        results=tuple(load_results(answers)),
        previous=previous,
        changes=tuple(changes),
    )


def map_corpora(runs: list[RunRecord]) -> dict[str, str]:
    """Return the corpus of each evaluation that a run ended with, by key."""
    return {
        artifact.key: str(run.recipe.get("corpus", ""))
        for run in runs
        for artifact in run.artifacts
        if artifact.stage == "evaluate"
    }


def map_previous_evaluations(runs: list[RunRecord]) -> dict[str, str]:
    """Map each evaluation of a corpus to that of the snapshot before it, as it was then. Runs come oldest first."""
    previous: dict[str, str] = {}
    newest: dict[tuple[str, str], str] = {}  # by corpus and snapshot, in the order in which they were first built
    known = set()
    for run in runs:
        corpus, snapshot = str(run.recipe.get("corpus", "")), find_snapshot(run)
        for artifact in run.artifacts:
            # a snapshot without news ends with an evaluation that is known
            if artifact.stage == "evaluate" and corpus and artifact.key not in known:
                known.add(artifact.key)
                snapshots = [key for key in newest if key[0] == corpus]
                # the snapshot was evaluated before, perhaps with another model: only what came before it counts
                if (corpus, snapshot) in newest:
                    snapshots = snapshots[: snapshots.index((corpus, snapshot))]
                if snapshots:
                    previous[artifact.key] = newest[snapshots[-1]]
                newest[corpus, snapshot] = artifact.key
    return previous


def compare_with_previous(store: Store, evaluation: Manifest, previous_key: str) -> tuple[str, list[Change]]:
    """Return the key of the previous evaluation and the changes since; without changes, why there are none."""
    previous = store.manifest("evaluate", previous_key) if previous_key else None
    if previous is None:
        return ("gone" if previous_key else "the first"), []
    obstacle = why_not_comparable(evaluation, previous)
    changes = [] if obstacle else compare_models(store, evaluation, previous, jointly=False)
    return (previous_key if changes else obstacle or TOO_FEW_COMMON_TEXTS), changes


def compare_models(store: Store, one: Manifest, other: Manifest, *, jointly: bool) -> list[Change]:
    """Compare one evaluation's model with another's, task by task."""
    folders = [store.artifact(manifest).folder_with("answers.parquet") for manifest in (one, other)]
    return compare_evaluations(folders[0], folders[1], jointly=jointly)


def list_leaderboard_rows(entries: list[LeaderboardEntry]) -> list[dict[str, str]]:
    """Return a row for each task and model as text, task by task, the best score first."""
    pairs = [(result, entry) for entry in entries for result in entry.results]
    pairs.sort(key=lambda pair: (*task_sort_key(pair[0]), -pair[0].score, pair[1].trained))
    return [
        {
            "task": f"{result.benchmark}, {result.budget} ({result.metric})",
            "model": entry.model,
            "corpus": entry.corpus or "-",
            "snapshot": entry.snapshot,
            "trained": entry.trained[:16].replace("T", " "),
            "texts": str(result.texts),
            "score, %": f"{100 * result.score:.1f} ({100 * result.low:.1f} … {100 * result.high:.1f})",
            **format_change_columns(entry, entry.find_change(result), result.metric),
            "mark": entry.mark.partition(":")[0],
        }
        for result, entry in pairs
    ]


def task_sort_key(result: Result) -> tuple[str, float, str]:
    """Return the position of a task in the table: by its benchmark, the most labels first."""
    # 0 stands for all labels, which are more than any number
    return result.benchmark, -(result.labels or math.inf), result.metric


def format_change_columns(entry: LeaderboardEntry, change: Change | None, result_metric: str) -> dict[str, str]:
    """Return the columns about the change of one task; they name the metric where it is not that of the result."""
    if change is None:
        return {"change": entry.previous if not entry.changes else "not scored before", "sure": "-"}
    difference = change.difference
    interval = f"{100 * difference.low:+.1f} … {100 * difference.high:+.1f}"
    metric = f" {change.metric}" if change.metric not in {result_metric, ""} else ""
    return {"change": f"{100 * difference.mean:+.1f}{metric} ({interval})", "sure": "yes" if difference.sure else "no"}


def format_leaderboard(store: Store, last: int) -> str:
    """Return the leaderboard for a terminal."""
    entries = load_leaderboard(store, last)
    if not entries:
        empty = f"{store.address} holds no evaluation of this version: textmill run ends with one"
        return "\n".join([empty, *describe_outdated(store)])
    sections = []
    for task, group in groupby(list_leaderboard_rows(entries), key=itemgetter("task")):
        rows = list(group)
        head = [name.upper() for name in rows[0]]
        table = format_table(tuple(cells)[1:] for cells in (head, *(row.values() for row in rows)))
        sections.append(f"{task}\n{table}")
    marks = [f"{entry.model} is {entry.mark}" for entry in entries if entry.mark.startswith("worse")]
    marks += [
        f"best{f' of {best.corpus}' if best.corpus else ''}: {format_checkpoint_address(store, best)}"
        for best in store.best_models()
    ]
    marks += describe_outdated(store)
    return "\n\n".join([*sections, *(["\n".join(marks)] if marks else []), NOTE])


def list_outdated(store: Store) -> list[str]:
    """List the keys of evaluations by versions that did not keep what models are compared by."""
    return [manifest.key for manifest in store.manifests("evaluate") if manifest.version < ANSWERS_SINCE]


def describe_outdated(store: Store) -> list[str]:
    """Return a line about outdated evaluations, when there are any."""
    keys = ", ".join(list_outdated(store))
    reason = "made by an earlier version, which kept less; textmill run evaluates a model again"
    return [f"left out: evaluate {keys} ({reason})"] if keys else []


def format_checkpoint_address(store: Store, best: BestModel) -> str:
    """Return the folder or address of a best model's checkpoint."""
    return f"{store.address}/{best.model.stage}/{best.model.key}"


def leaderboard_as_json(store: Store, last: int) -> str:
    """Return the leaderboard for programs, with every number; scores and differences are fractions of 1."""
    models = [
        {
            "evaluation": entry.evaluation.key,
            "model": entry.model,
            "corpus": entry.corpus,
            "snapshot": entry.snapshot,
            "trained": entry.trained,
            "mark": entry.mark,
            "before": entry.previous,
            "scores": [
                asdict(result) | {"change": change_as_dict(entry.find_change(result))} for result in entry.results
            ],
        }
        for entry in load_leaderboard(store, last)
    ]
    best_models = [
        best.model_dump(exclude={"worse"}) | {"folder": format_checkpoint_address(store, best)}
        for best in store.best_models()
    ]
    leaderboard = {"best": best_models, "models": models, "left_out": list_outdated(store)}
    return json.dumps(leaderboard, indent=1, ensure_ascii=False)


def change_as_dict(change: Change | None) -> dict[str, Any] | None:
    """Return a change as JSON types."""
    if change is None:
        return None
    return {
        "texts": change.texts,
        "same_samples": change.same_samples,
        "metric": change.metric,
        "sure": change.difference.sure,
        **asdict(change.difference),
    }
