"""The leaderboard: every evaluated model of a store, and how it compares with that of the snapshot before."""

import json
import math
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from flows.text_table import table
from tasks.evaluate.query import Change, Result, compare_evaluations, load_results, why_not_comparable
from tasks.store import Store
from tasks.store.manifest import BestModel, Manifest, RunRecord

TOO_FEW = "too few common texts"
ANSWERS_SINCE = 4  # the version of evaluate that first kept what each example brings to the score of every kind
NOTE = """\
Score: mean over seeds, with the 95 % bootstrap interval over seeds and test texts. Change: against the snapshot
before of the same corpus, paired over the test texts that both models were tried on, and over seeds where the labelled
samples are the same. Sure: the interval leaves zero out, and the mean exceeds both deviations over seeds.
Models that were tried on different test texts do not compare by their scores."""


@dataclass(frozen=True)
class Standing:
    """One evaluated model."""

    evaluation: Manifest
    model: str
    corpus: str
    snapshot: str
    trained: str
    mark: str
    """best, or by how much it is worse than the best; else empty"""
    results: tuple[Result, ...]
    before: str
    """key of the evaluation that the changes are against, or why there is none"""
    changes: tuple[Change, ...]

    def change(self, result: Result) -> Change | None:
        """The change in the task of a result."""
        tasks = {(each.benchmark, each.labels): each for each in self.changes}
        return tasks.get((result.benchmark, result.labels))


def standings(store: Store, last: int) -> list[Standing]:
    """The evaluations that were built last, at most so many, oldest first."""
    found = [each for each in store.manifests("evaluate") if each.version >= ANSWERS_SINCE]
    runs = store.runs()
    corpus, earlier = corpora(runs), before_each(runs)
    marks = {key: f"worse: {how}" for best in store.best_models() for key, how in best.worse.items()}
    marks |= {best.evaluation.key: "best" for best in store.best_models()}
    return [standing(store, each, corpus.get(each.key, ""), earlier.get(each.key, ""), marks) for each in found[-last:]]


def standing(store: Store, evaluation: Manifest, corpus: str, earlier: str, marks: dict[str, str]) -> Standing:
    """One of them, with its scores read and its changes computed."""
    behind = store.lineage(evaluation.inputs)
    model = next(each for each in evaluation.inputs if each.stage == "pretrain")
    snapshots = [each.settings["snapshot"] for each in behind if each.stage == "crawl"]
    trained = next((each.finished for each in behind if each.key == model.key), evaluation.finished)
    before, found = against(store, evaluation, earlier)
    answered = store.artifact(evaluation).folder_with("answers.parquet")
    return Standing(
        evaluation=evaluation,
        model=model.key,
        corpus=corpus,
        snapshot=snapshots[-1] if snapshots else "",
        trained=trained,
        mark=marks.get(evaluation.key, ""),
        results=tuple(load_results(answered)),
        before=before,
        changes=tuple(found),
    )


def corpora(runs: list[RunRecord]) -> dict[str, str]:
    """The corpus of each evaluation that a run ended with."""
    return {
        each.key: str(run.recipe.get("corpus", ""))
        for run in runs
        for each in run.artifacts
        if each.stage == "evaluate"
    }


def before_each(runs: list[RunRecord]) -> dict[str, str]:
    """Each evaluation of a corpus → that of the snapshot before it, as it stood then. Runs come oldest first."""
    found: dict[str, str] = {}
    newest: dict[tuple[str, str], str] = {}  # by corpus and snapshot, in the order in which they were first built
    known = set()
    for run in runs:
        corpus, snapshot = str(run.recipe.get("corpus", "")), str(run.recipe["crawl"]["snapshot"])
        for each in run.artifacts:
            # a night without news ends with an evaluation that is known
            if each.stage == "evaluate" and corpus and each.key not in known:
                known.add(each.key)
                line = [place for place in newest if place[0] == corpus]
                earlier = line[: line.index((corpus, snapshot))] if (corpus, snapshot) in newest else line
                if earlier:
                    found[each.key] = newest[earlier[-1]]
                newest[corpus, snapshot] = each.key
    return found


def against(store: Store, evaluation: Manifest, before: str) -> tuple[str, list[Change]]:
    """The key of the evaluation before, and the changes since; without changes, why there are none."""
    other = store.manifest("evaluate", before) if before else None
    if other is None:
        return ("gone" if before else "the first"), []
    why = why_not_comparable(evaluation, other)
    found = [] if why else compared(store, evaluation, other, jointly=False)
    return (before if found else why or TOO_FEW), found


def compared(store: Store, one: Manifest, other: Manifest, *, jointly: bool) -> list[Change]:
    """One evaluation's model against another's."""
    folders = [store.artifact(each).folder_with("answers.parquet") for each in (one, other)]
    return compare_evaluations(folders[0], folders[1], jointly=jointly)


def rows(found: list[Standing]) -> list[dict[str, str]]:
    """A row per task and model, task by task, the best score first; for people."""
    pairs = [(result, each) for each in found for result in each.results]
    pairs.sort(key=lambda pair: (*order(pair[0]), -pair[0].score, pair[1].trained))
    return [
        {
            "task": f"{result.benchmark}, {result.budget} ({result.metric})",
            "model": each.model,
            "corpus": each.corpus or "-",
            "snapshot": each.snapshot,
            "trained": each.trained[:16].replace("T", " "),
            "texts": str(result.texts),
            "score, %": f"{100 * result.score:.1f} ({100 * result.low:.1f} … {100 * result.high:.1f})",
            **changed(each, each.change(result)),
            "mark": each.mark.partition(":")[0],
        }
        for result, each in pairs
    ]


def order(result: Result) -> tuple[str, float, str]:
    """Where a task stands in the table: by its benchmark, the most labels first."""
    return result.benchmark, -(result.labels or math.inf), result.metric


def changed(each: Standing, change: Change | None) -> dict[str, str]:
    """The columns about the change."""
    if change is None:
        return {"change": each.before if not each.changes else "not scored before", "sure": "-"}
    gap = change.difference
    said = f"{100 * gap.mean:+.1f} ({100 * gap.low:+.1f} … {100 * gap.high:+.1f})"
    return {"change": said, "sure": "yes" if gap.sure else "no"}


def text(store: Store, last: int) -> str:
    """The leaderboard for a terminal."""
    found = standings(store, last)
    if not found:
        said = f"{store.address} holds no evaluation of this version: textmill run ends with one"
        return "\n".join([said, *older_said(store)])
    parts = []
    for task, group in groupby(rows(found), key=itemgetter("task")):
        lines = list(group)
        head = [name.upper() for name in lines[0]]
        lines_text = table(tuple(line)[1:] for line in (head, *(row.values() for row in lines)))
        parts.append(f"{task}\n{lines_text}")
    marks = [f"{each.model} is {each.mark}" for each in found if each.mark.startswith("worse")]
    marks += [
        f"best{f' of {each.corpus}' if each.corpus else ''}: {folder(store, each)}" for each in store.best_models()
    ]
    marks += older_said(store)
    return "\n\n".join([*parts, *(["\n".join(marks)] if marks else []), NOTE])


def older(store: Store) -> list[str]:
    """The keys of evaluations that were made before what they are compared by was kept."""
    return [each.key for each in store.manifests("evaluate") if each.version < ANSWERS_SINCE]


def older_said(store: Store) -> list[str]:
    """A line about them, when there are such."""
    keys = ", ".join(older(store))
    why = "made by an earlier version, which kept less; textmill run evaluates a model again"
    return [f"left out: evaluate {keys} ({why})"] if keys else []


def folder(store: Store, best: BestModel) -> str:
    """Where the checkpoint of a best model lies."""
    return f"{store.address}/{best.model.stage}/{best.model.key}"


def as_json(store: Store, last: int) -> str:
    """The same for programs, with every figure; scores and differences are shares of 1."""
    listed = [
        {
            "evaluation": each.evaluation.key,
            "model": each.model,
            "corpus": each.corpus,
            "snapshot": each.snapshot,
            "trained": each.trained,
            "mark": each.mark,
            "before": each.before,
            "scores": [asdict(result) | {"change": told(each.change(result))} for result in each.results],
        }
        for each in standings(store, last)
    ]
    best = [each.model_dump(exclude={"worse"}) | {"folder": folder(store, each)} for each in store.best_models()]
    told_all = {"best": best, "models": listed, "left_out": older(store)}
    return json.dumps(told_all, indent=1, ensure_ascii=False)


def told(change: Change | None) -> dict[str, Any] | None:
    """A change as JSON."""
    if change is None:
        return None
    return {
        "texts": change.texts,
        "same_samples": change.same_samples,
        "sure": change.difference.sure,
        **asdict(change.difference),
    }
