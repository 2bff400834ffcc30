"""The sentences that open a report and its sections."""

import pytest

from tasks.evaluate.report.conclusion import count_outcomes, describe_outcomes, describe_result, find_best_baseline
from tasks.evaluate.report.overview import build_overview
from tasks.evaluate.report.rendering import render_template
from tasks.evaluate.report.tables import build_difference_table, build_score_table, describe_rule
from tasks.evaluate.results.benchmark_results import BenchmarkResults, correct_results
from tasks.evaluate.results.one_class import find_one_class_fits
from tests.evaluate.report.made_results import make_report_data, make_results, make_twelve_sets


@pytest.fixture(scope="module")
def twelve() -> list[BenchmarkResults]:
    return make_twelve_sets()


def render_overview(results: list[BenchmarkResults]) -> str:
    return render_template(
        "overview.html",
        overview=build_overview(results, make_report_data(results).contamination),
        outcomes=describe_outcomes(results),
        num_comparisons=results[0].num_comparisons,
    )


@pytest.mark.slow
def test_the_first_sentence_counts_the_sets_with_a_gain_a_loss_and_neither(twelve: list[BenchmarkResults]) -> None:
    first, _, second = describe_outcomes(twelve).partition(". ")
    assert (
        "**surely better on 8 of 12 sets, worse on 1**, and nothing is sure on 3, compared with random weights" in first
    )
    assert "best baseline of each set, random weights among them" in second
    assert count_outcomes([]) == "**surely better on 0 of 0 sets, worse on 0**, and nothing is sure on 0"


@pytest.mark.slow
def test_the_overview_has_every_label_count_and_marks_gain_and_loss_by_a_sign(twelve: list[BenchmarkResults]) -> None:
    groups = {group.name: group for group in build_overview(twelve, make_report_data(twelve).contamination)}
    assert [row.budget for row in groups["stance"].rows] == ["8 labels a class", "all examples"]
    outcomes = {
        name: [row.over_random.outcome for row in group.rows if row.over_random] for name, group in groups.items()
    }
    assert outcomes["mood"] == ["gain", "gain"]
    assert outcomes["entailment"] == ["loss", "loss"]
    assert outcomes["irony"] == ["unsure", "unsure"]
    html = render_overview(twelve)
    assert '<span class="gain"><b>▲ +' in html
    assert '<span class="loss"><b>▼ −' in html
    assert html.count("<td>8 labels a class</td>") == 12


@pytest.mark.slow
def test_the_best_baseline_may_be_random_weights_and_checkpoints_are_in_the_overview(
    twelve: list[BenchmarkResults],
) -> None:
    by_name = {benchmark.task.name: benchmark for benchmark in twelve}
    assert find_best_baseline(by_name["entailment"], 32) == "random"
    assert find_best_baseline(by_name["mood"], 32) == "tfidf"
    groups = {group.name: group for group in build_overview(twelve, make_report_data(twelve).contamination)}
    (lead,) = groups["mood"].rows[0].over_checkpoints
    assert (lead.rival, lead.outcome) == ("stock-encoder-with-a-long-name", "gain")
    assert groups["irony"].rows[0].over_checkpoints == []
    assert "pretrained minus it" in render_overview(twelve)
    assert "pretrained minus it" not in render_overview(twelve[2:])


@pytest.mark.slow
def test_the_report_says_how_many_comparisons_are_corrected(twelve: list[BenchmarkResults]) -> None:
    # the others of a set (random, tfidf, majority, chance, two checkpoints) times its label counts
    assert twelve[0].num_comparisons == 2 * 5 + 2 * 5 + 9 * 2 * 4 + 1 * 4
    assert f"all {twelve[0].num_comparisons} comparisons of this report (Holm)" in describe_rule(twelve[0])
    assert f"all {twelve[0].num_comparisons} comparisons of this report (Holm)" in render_overview(twelve)


@pytest.mark.slow
def test_p_and_the_verdict_never_disagree(twelve: list[BenchmarkResults]) -> None:
    for benchmark in twelve:
        for _, rows in build_difference_table(benchmark):
            for row in rows:
                assert row.verdict.startswith("yes") == (row.p == "< 0.001" or float(row.p) < 0.05)


@pytest.mark.slow
def test_a_difference_that_is_sure_alone_may_not_be_sure_among_many() -> None:
    alone = make_results("alone", {"pretrained": 0.3, "random": 0.2}, counts=(50, 50))
    (_, _, single), *_ = alone.list_differences()
    others = [make_results(f"set {index}", {"pretrained": 0.3, "random": 0.3}) for index in range(9)]
    (_, _, among), *_ = correct_results([alone, *others])[0].list_differences()
    assert (among.mean, among.p) == (single.mean, single.p)
    assert among.adjusted_p > single.adjusted_p
    assert (single.sure, among.sure) == (True, False)


def test_a_model_that_only_says_the_other_class_is_not_surely_worse() -> None:
    """Accuracy is 75 % and 25 % here, and neither model has looked at a text."""
    made = make_results(
        "skewed", {"pretrained": 0, "random": 0}, counts=(150, 50), one_class={"pretrained": 1, "random": 0}
    )
    fits = [fit for fit in made.fits if fit.labels == 8]
    assert {fit.model: round(fit.metrics["accuracy"], 1) for fit in fits if fit.seed == 0}["random"] > 0.7
    assert not made.compare_with("random", 8).sure
    sentences = describe_result(made)
    assert "models are compared by MCC, which is 0 for all answers that ignore the text" in sentences
    assert "**Hardly learnt**: pretrained with 8 labels a class answers one class in" in sentences
    assert "**No sure difference**" in sentences


def test_a_fit_that_answers_nearly_always_one_class_is_marked() -> None:
    made = make_results("made", {"pretrained": 0.0, "random": 0.9}, counts=(75, 75), one_class={"pretrained": 0})
    marked = find_one_class_fits(made, "pretrained", 8)
    assert (marked.num_fits, marked.texts, len(marked.counts)) == (3, 150, 3)
    assert min(marked.counts) >= 148
    assert find_one_class_fits(made, "random", 8).describe() == ""
    assert find_one_class_fits(made, "majority", 8).describe() == "", "it always says one class, by its definition"
    ((_, rows),) = build_score_table(made).groups
    assert rows[0].one_class.startswith("answers one class in 14")
    assert "of 150" in rows[0].one_class
    html = render_template("score_table.html", section={"scores": build_score_table(made)})
    assert "⚠ answers one class in" in html


def test_training_texts_in_the_test_part_are_in_the_headline_with_the_score_without_them() -> None:
    made = make_results("made", {"pretrained": 0.6, "random": 0.2}, num_repeated=12)
    without = made.score_without_repeats("pretrained", 8)
    assert without is not None
    right = [
        (fit.answers["predicted"] == made.task.test["label"])[12:].mean() for fit in made.select_fits("pretrained", 8)
    ]
    assert without == pytest.approx(sum(right) / 3)  # type: ignore[arg-type]
    sentence = f"**12 of its 200 test texts are training texts too**: without them it reaches {100 * without:.1f} %."
    assert sentence in describe_result(made)
    ((_, rows),) = build_score_table(made).groups
    assert rows[0].without_repeats == f"{100 * without:.1f}"
    html = render_template("score_table.html", section={"scores": build_score_table(made)})
    assert f"<small>{100 * without:.1f} without repeats</small>" in html
    everything = make_results("made", {"pretrained": 0.6, "random": 0.2}, counts=(10, 10), num_repeated=20)
    assert "no other text is left to score" in describe_result(everything)


def test_a_model_that_is_not_above_trivial_answers_is_told() -> None:
    poor = make_results("made", {"pretrained": 0.0, "random": 0.2}, counts=(80, 20), one_class={"pretrained": 0})
    assert "**It is not above the baseline largest class of the training part**" in describe_result(poor)
    good = make_results("made", {"pretrained": 0.9, "random": 0.2}, counts=(80, 20))
    assert "is not above" not in describe_result(good)


def test_what_a_result_rests_on_is_said() -> None:
    made = make_results("made", {"pretrained": 0.6, "random": 0.2}, caveats=("This rests on one learning rate.",))
    assert describe_result(made).endswith("This rests on one learning rate.")
    assert describe_outcomes([made, made]).count("This rests on one learning rate.") == 1


@pytest.mark.slow
def test_sure_gains_and_losses_are_words_of_the_headline(twelve: list[BenchmarkResults]) -> None:
    by_name = {benchmark.task.name: describe_result(benchmark) for benchmark in twelve}
    assert "**Pretraining surely helps**" in by_name["mood"]
    assert "**Pretraining surely hurts**" in by_name["entailment"]
    assert "**No sure difference**" in by_name["irony"]
