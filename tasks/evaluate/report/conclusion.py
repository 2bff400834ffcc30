"""The result in sentences: they open the report, and each of its sections."""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from tasks.downstream.significance import Difference
from tasks.downstream.skewed_tests import find_largest_class, is_skewed
from tasks.evaluate.report.number_formats import format_mean, format_percent, format_points
from tasks.evaluate.results.benchmark_results import BenchmarkResults
from tasks.evaluate.results.model_titles import (
    LEXICAL_BASELINES,
    MODEL_TITLES,
    PROMPTED_SUFFIX,
    TRIVIAL_BASELINES,
    get_model_title,
)
from tasks.evaluate.results.one_class import find_one_class_fits

ADDITIONS = {
    "continued": "Continued pretraining on the task's texts adds",
    "augmented": "Augmented copies of the labelled texts add",
    "unlabelled": "Unlabelled texts add",
}
"""The beginning of the sentence about each variant of the pretrained model."""


def describe_outcomes(results: Sequence[BenchmarkResults]) -> str:
    """Return a paragraph on all benchmarks: on how many the pretrained model is surely better or worse."""
    random = [
        benchmark.compare_with("random", benchmark.label_counts[-1])
        for benchmark in results
        if "random" in benchmark.models
    ]
    baseline = [
        benchmark.compare_with(rival, benchmark.label_counts[-1])
        for benchmark in results
        if (rival := find_best_baseline(benchmark, benchmark.label_counts[-1]))
    ]
    return (
        f"With the most labels the pretrained model is {count_outcomes(random)}, compared with random weights. It is "
        f"{count_outcomes(baseline)}, compared with the best baseline of each set, random weights among them."
        # once for all sets, as all are fine-tuned in the same way
        + "".join(
            f" {caveat}" for caveat in dict.fromkeys(caveat for benchmark in results for caveat in benchmark.caveats)
        )
    )


def count_outcomes(differences: Sequence[Difference]) -> str:
    """Return a phrase such as `surely better on 8 of 12 sets, surely worse on 1, and nothing is sure on 3`."""
    counts = Counter(
        (difference.mean > 0) - (difference.mean < 0) if difference.sure else 0 for difference in differences
    )
    return (
        f"**surely better on {counts[1]} of {len(differences)} sets, worse on {counts[-1]}**, and nothing is sure on "
        f"{counts[0]}"
    )


def find_best_baseline(results: BenchmarkResults, labels: int) -> str:
    """Return the baseline or random weights with the highest score with a label count; empty where there is none."""
    baselines = [model for model in results.models if model == "random" or model in results.task_type.baselines]
    return max(baselines, key=lambda model: results.score_spread(model, labels, results.metric).mean, default="")


def describe_result(results: BenchmarkResults) -> str:
    """Return the result in sentences; `**` marks what is emphasised."""
    max_labels = results.label_counts[-1]
    budget = f"With {results.describe_budget(max_labels)}" if results.task_type.is_fine_tuned else "Without fine-tuning"
    score = format_mean(results.score_spread("pretrained", max_labels, results.metric))
    sentences = [
        f"{budget} the pretrained model reaches **{score} %** {results.title} on test.",
        *_describe_repeats(results),
        *_describe_skew(results),
        _describe_gain_of_pretraining(results),
        *_describe_one_class_fits(results),
        *_describe_missed_floor(results),
    ]
    for model, beginning in ADDITIONS.items():
        if model in results.models:
            gains = [(labels, results.compare_with(model, labels).swap_models()) for labels in results.label_counts]
            phrase = ", ".join(
                f"{format_points(gain.mean)} points with {results.describe_budget(labels)}" for labels, gain in gains
            )
            doubt = "" if any(gain.sure for _, gain in gains) else ", none of it sure"
            sentences.append(f"{beginning} {phrase}{doubt}.")
    sentences += _describe_prompts(results)
    rivals = [model for model in results.models if model in LEXICAL_BASELINES or model not in MODEL_TITLES]
    sentences += [_compare_with_rival(results, rival, max_labels) for rival in rivals]
    for name, reason in results.left_out.items():
        kind = "row" if name == "prompted" or name.endswith(PROMPTED_SUFFIX) else "checkpoint"
        sentences.append(f"The {kind} {get_model_title(name)} is left out: {reason}.")
    sentences += results.caveats
    return " ".join(sentences)


def _describe_prompts(results: BenchmarkResults) -> list[str]:
    """Return a sentence on the model that reads examples in its prompt, and on how many of them had room."""
    labels = results.label_counts[-1]
    if "prompted" not in results.models:
        return []
    answers = pl.concat([fit.answers.select("shots", "dropped") for fit in results.select_fits("prompted", labels)])
    kept, dropped = answers.mean().row(0)
    room = (
        f"{kept:.3g} examples"
        if not dropped
        else f"{kept:.3g} of {kept + dropped:.3g} examples, which is what has room,"
    )
    difference = results.compare_with("prompted", labels)
    other = "fine-tuned" if results.task_type.is_fine_tuned else "without them"
    doubt = "" if difference.sure else " (not sure)"
    score = format_percent(results.score_spread("prompted", labels, results.metric).mean)
    side = f"{abs(100 * difference.mean):.1f} points {'above' if difference.mean > 0 else 'below'} that{doubt}"
    return [f"With {room} in its prompt and no fine-tuning it reaches {score} %: {other} it is {side}."]


def _describe_repeats(results: BenchmarkResults) -> list[str]:
    """Return a sentence on test texts that are training texts, with the score without them."""
    num_repeated, texts = int(results.repeated_rows.sum()), len(results.task.test)
    if not num_repeated:
        return []
    score = results.score_without_repeats("pretrained", results.label_counts[-1])
    rest = (
        f"without them it reaches {format_percent(score)} %" if score is not None else "no other text is left to score"
    )
    return [f"**{num_repeated:,} of its {texts:,} test texts are training texts too**: {rest}."]


def _describe_skew(results: BenchmarkResults) -> list[str]:
    """Return a sentence on a skewed test part, and on the metric that models are compared by therefore."""
    largest = find_largest_class(results.task)
    if largest is None or not is_skewed(results.task):
        return []
    skew = f"The test part is skewed, {format_percent(largest.share)} % of it is “{largest.name}”"
    if results.metric not in {"mcc", "macro_f1"}:
        rule = "as the settings say; a difference is sure only where MCC confirms it"
        return [f"{skew}, and models are compared by {results.title} all the same, {rule}."]
    reason = (
        "which is 0 for all answers that ignore the text"
        if results.metric == "mcc"
        else "which weights classes equally"
    )
    return [f"{skew}, so models are compared by {results.title}, {reason}."]


def _describe_one_class_fits(results: BenchmarkResults) -> list[str]:
    """Return a sentence for each label count where the pretrained or the random model gives one class nearly always."""
    phrases = [
        f"{get_model_title(model)} with {results.describe_budget(labels)} {phrase}"
        for labels in results.label_counts
        for model in ("pretrained", "random")
        if model in results.models and (phrase := find_one_class_fits(results, model, labels).describe())
    ]
    return [f"**Hardly learnt**: {'; '.join(phrases)}."] if phrases else []


def _describe_missed_floor(results: BenchmarkResults) -> list[str]:
    """Return a sentence on trivial answers that the pretrained model is not above."""
    labels = results.label_counts[-1]
    score = results.score_spread("pretrained", labels, results.metric).mean
    floors = [
        (results.score_spread(model, labels, results.metric).mean, model)
        for model in results.models
        if model in TRIVIAL_BASELINES
    ]
    if not floors or score > max(floors)[0]:
        return []
    floor, model = max(floors)
    return [f"**It is not above the baseline {get_model_title(model)}**, which gives {format_percent(floor)} %."]


def _describe_gain_of_pretraining(results: BenchmarkResults) -> str:
    gains = [(labels, results.compare_with("random", labels)) for labels in results.label_counts]
    phrase = ", ".join(
        f"{format_points(gain.mean)} points"
        + (f" with {results.describe_budget(labels)}" if results.task_type.is_fine_tuned else "")
        + ("" if gain.sure or len(gains) == 1 else " (not sure)")
        for labels, gain in gains
    )
    signs = {gain.mean > 0 for _, gain in gains if gain.sure}
    everywhere = "" if all(gain.sure for _, gain in gains) else " with some label counts"
    if not signs:
        verdict = "**No sure difference**"
    elif len(signs) == 2:
        verdict = "**Pretraining surely helps with some label counts, and surely hurts with others**"
    else:
        verdict = f"**Pretraining surely {'helps' if signs == {True} else 'hurts'}{everywhere}**"
    return f"{verdict}: the difference from the same model with random initial weights is {phrase}."


def _compare_with_rival(results: BenchmarkResults, rival: str, labels: int) -> str:
    difference = results.compare_with(rival, labels)
    size = f"{abs(100 * difference.mean):.1f}"
    # By the printed size: a difference that is shown as 0.0 is called level.
    side = f"{size} points {'above' if difference.mean > 0 else 'below'}" if float(size) else "level with"
    doubt = "" if difference.sure else " (not sure)"
    rival_type = "baseline" if rival in LEXICAL_BASELINES else "checkpoint"
    score = format_percent(results.score_spread(rival, labels, results.metric).mean)
    return f"The {rival_type} {get_model_title(rival)} reaches {score} %: the model is {side} it{doubt}."
