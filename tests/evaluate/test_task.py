import base64
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.block import Every
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import FrozenFeatures
from tasks.downstream.heads import Example, Head
from tasks.errors import BadSetting, StageFailure
from tasks.evaluate.query import load_answers, load_results
from tasks.evaluate.report.attribution_texts import load_attributions
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import check_settings, evaluate
from tasks.store import Artifact, Draft

pytestmark = pytest.mark.slow

SMALL = Evaluate.model_validate(
    {
        "labels_per_class": [2, 6],
        "finetuning": {"learning_rates": [0.003, 0.01], "epochs": 2, "min_steps": 8, "batch_size": 6, "max_length": 32},
        "benchmarks": {"site_section": {"passage_words": 12, "min_words": 6, "min_passages_per_class": 8}},
    }
)
LINEAGE = [{"stage": "clean", "key": "k", "digest": "d", "settings": {}, "counts": {"documents": 9, "kept": 7}}]
FILES = ["answers.parquet", "report.html", "samples.parquet", "scores.json", "scores.parquet", "summary.md"]

Run = Callable[..., Draft]


def read_scores(draft: Draft) -> dict[str, Any]:
    """Return the benchmarks of an evaluation's `scores.json`."""
    benchmarks: dict[str, Any] = read_json(draft)["benchmarks"]
    return benchmarks


def read_json(draft: Draft) -> Any:
    return json.loads((draft.path / "scores.json").read_text())


def rivals(benchmark: dict[str, Any]) -> set[str]:
    """Return the models that the pretrained one is compared with."""
    return {difference["second"] for difference in benchmark["differences"]}


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def run(
    make_draft: Callable[..., Draft],
    as_artifact: Callable[[Path, str], Artifact],
    checkpoint: Path,
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")

    def go(settings: Evaluate = SMALL, name: str = "evaluate") -> Draft:
        draft = make_draft(name, LINEAGE)
        evaluate.build(settings, draft, as_artifact(checkpoint, "pretrain"), as_artifact(tokens, "tokenize"))
        return draft

    return go


def test_everything_is_scored_and_reported(run: Run) -> None:
    draft = run()
    scores = pl.read_parquet(draft.path / "scores.parquet")
    assert scores.columns == ["benchmark", "model", "labels", "seed", "metric", "value"]
    assert len(scores) == 5 * 2 * 3 * 6, "models, label counts, seeds, metrics"
    assert scores.filter(pl.col("metric") != "mcc")["value"].is_between(0, 1).all()
    assert read_json(draft)["contamination"]["shared_ids"] == 0
    assert rivals(read_scores(draft)["site_section"]) == {"random", "tfidf", "majority", "chance"}
    assert draft.counts["scores"]["site_section"]["6"].keys() == {"pretrained", "random", "tfidf", "majority", "chance"}
    assert "| TF-IDF + logistic regression |" in (draft.path / "summary.md").read_text()
    report = (draft.path / "report.html").read_text()
    assert report.count('<tr class="ours"><td>') == 2, "the pretrained model with each label count"


def test_scores_are_those_of_the_answers(run: Run) -> None:
    draft = run()
    test = Task.load(draft.scratch / "site_section.parquet").test
    fits = draft.path / "fits" / "site_section"
    answers = load_answers(draft.path)["site_section", 6]
    predicted = pl.read_parquet(fits / "pretrained-6-0.parquet")["predicted"]
    assert (test["label"] == predicted).to_list() == answers.scores[0].parts[:, 0].tolist()
    scores = pl.read_parquet(draft.path / "scores.parquet")
    accuracy = scores.filter(model="tfidf", labels=6, seed=0, metric="accuracy")["value"].item()
    assert (test["label"] == pl.read_parquet(fits / "tfidf-6-0.parquet")["predicted"]).mean() == accuracy
    examples = load_attributions(draft.path / "attributions" / "site_section" / "6.jsonl")
    origins = [test["origin"][example["row"]] for example in examples]
    assert origins == [example["origin"] for example in examples] != []


def test_the_same_inputs_give_the_same_bytes(run: Run) -> None:
    first, second = run(name="first"), run(name="second")
    for name in FILES:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_finished_fits_are_not_run_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    before = (first.path / "report.html").read_bytes()
    (first.path / "report.html").unlink()
    monkeypatch.setattr("tasks.downstream.finetuning.shards.fit_variant", None)  # fitting again would fail
    assert (run().path / "report.html").read_bytes() == before


@pytest.fixture
def every_type(tmp_path: Path) -> dict[str, Any]:
    """Settings of a small data set of each type of task."""
    words = ["oak", "birch", "sail", "mast", "tide"]

    def split(path: Path, name: str) -> dict[str, Any]:
        """Use one file as every part."""
        return {
            "name": name,
            "train": str(path),
            "validation": str(path),
            "test": str(path),
            "labels_per_class": [0, 2],
        }

    trees = write_lines(tmp_path / "tags.txt", *(f"the O\n{word} B-TREE\nsail O\n" for word in ("oak", "birch") * 12))
    order = write_lines(
        tmp_path / "pairs.jsonl",
        *(json.dumps({"sentence_good": f"the {word}", "sentence_bad": f"{word} the"}) for word in "abc"),
    )
    near = write_lines(
        tmp_path / "pairs.tsv",
        "text\tsecond_text\tscore",
        *(f"the {words[n % 5]} {words[n % 3]}\tof old {words[n % 4]}\t{n % 5}" for n in range(80)),
    )
    spans = [f"<e1>{words[n % 5]}</e1> {'of' if n % 2 else 'and'} <e2>{words[n % 3]}</e2>" for n in range(16)]
    marked = write_lines(
        tmp_path / "marked.jsonl",
        *(json.dumps({"text": f"the {span} tide", "label": "ab"[n % 2]}) for n, span in enumerate(spans)),
    )
    answers = [{"text": "old oak", "answer_start": 5}]
    questions = [{"id": str(n), "question": f"which {n}", "answers": answers} for n in range(20)]
    paragraph = {"context": "some old oak with many sails", "qas": questions}
    asked = write_lines(tmp_path / "asked.json", json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    titles = write_lines(
        tmp_path / "titles.tsv", "source\ttarget", *(f"the old {word} of\t{word}" for word in ("oak", "mast") * 6)
    )
    return {
        "tagging": {"sets": [split(trees, "trees")]},
        "similarity": {"sets": [split(near, "near")]},
        "relation": {"sets": [split(marked, "marked")]},
        "question_answering": {"sets": [split(asked, "asked")]},
        "minimal_pairs": {"sets": [{"name": "order", "path": str(order)}]},
        "language_modelling": {"heldout": True, "max_texts": 6, "max_chars": 200},
        "text_to_text": {"sets": [split(titles, "titles") | {"labels_per_class": [0], "metrics": ["rouge1", "chrf"]}]},
    }


def test_every_type_of_task_is_in_one_report(run: Run, every_type: dict[str, Any]) -> None:
    benchmarks = SMALL.model_dump()["benchmarks"] | every_type
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "max_target_length": 6}
    draft = run(Evaluate.model_validate({"labels_per_class": [2], "benchmarks": benchmarks, "finetuning": finetuning}))
    scores = read_scores(draft)
    assert {name: benchmark["metric"] for name, benchmark in scores.items()} == {
        "asked": "f1",
        "heldout": "space_saving",
        "marked": "macro_f1",
        "order": "accuracy",
        "near": "spearman",
        "site_section": "accuracy",
        "titles": "rouge1",
        "trees": "f1",
    }
    means = {
        (name, mean["labels"]): mean["mean"]
        for name, benchmark in scores.items()
        for mean in benchmark["means"]
        if (mean["model"], mean["metric"]) == ("pretrained", benchmark["metric"])
    }
    results = {(result.benchmark, result.labels): result.score for result in load_results(draft.path)}
    assert results == pytest.approx(means), "later models are compared by the same scores"
    overlaps = read_json(draft)["contamination"]["sets"]
    assert {name: overlap["texts"] for name, overlap in overlaps.items()} == {
        name: benchmark["examples"]["test"] for name, benchmark in scores.items()
    }
    attributed = {path.parent.name for path in draft.path.glob("attributions/*/*.jsonl")}
    assert attributed == {"marked", "site_section", "trees"}
    text = (draft.path / "report.html").read_text() + (draft.path / "summary.md").read_text()
    for phrase in (
        "entity F1",
        "Spearman",
        "shortest text",
        "entities seen in training",
        "answer F1",
        "no fine-tuning",
        "bits per byte",
        "LZMA",
        "ROUGE-1",
        "chrF",
    ):
        assert phrase in text, phrase


def test_tasks_without_fine_tuning_are_in_the_report(run: Run, tmp_path: Path) -> None:
    def one(name: str, text: str, **fields: Any) -> dict[str, Any]:
        (tmp_path / name).write_text(text)
        return {"sets": [{"name": name.split(".", maxsplit=1)[0], "path": str(tmp_path / name), **fields}]}

    words = tmp_path / "words.txt"
    words.write_text("oak\nsail\n")
    head = "sent_more,sent_less,stereo_antistereo,bias_type\n"
    benchmarks = {
        "site_section": {"enabled": False},
        "stereotype_pairs": one("bias.csv", f"{head}old oak,new oak,stereo,age\na mast,the mast,stereo,other\n"),
        "toxicity": one("prompts.txt", "the\nmany old\n", word_list=str(words))
        | {"max_new_tokens": 5, "num_continuations": 9},
        "document_retrieval": one("asked.tsv", "question\tdocument\noak\tthe oak\nsail\ta sail and a mast\n"),
        "embedding_similarity": one("near.tsv", "text\tsecond_text\tscore\noak\tthe oak\t3\nsail\toak\t0\n"),
        "multiple_choice": one("asked.jsonl", '{"question": "the", "options": ["oak", "sail"], "answer": 1}'),
    }
    benchmarks["multiple_choice"]["sets"][0]["name"] = "choose"
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"benchmarks": benchmarks}))
    scores = read_scores(draft)
    assert {name: benchmark["metric"] for name, benchmark in scores.items()} == {
        "asked": "ndcg@10",
        "bias": "evenness",
        "choose": "accuracy",
        "near": "spearman",
        "prompts": "unlisted",
    }
    assert {group["group"] for group in scores["bias"]["groups"]} == {"", "age", "other"}
    text = (draft.path / "report.html").read_text()
    assert "asked: documents" in read_json(draft)["contamination"]["sets"]
    for shown in ('<a href="#asked">', "BM25", "By group", "continuations without a listed word", "nDCG@10"):
        assert shown in text, shown
    page = Page()
    page.feed(text)
    assert page.open == []
    assert sorted(page.loads) == [f"#{name}" for name in sorted(scores)]


def test_a_frozen_encoder_reads_every_text_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    of = FrozenFeatures.compute.__func__  # type: ignore[attr-defined]

    def count_examples(cls: type[FrozenFeatures], head: Head, examples: list[Example], *how: Any) -> FrozenFeatures:
        counts.append(len(examples))
        return of(cls, head, examples, *how)  # type: ignore[no-any-return]

    monkeypatch.setattr(FrozenFeatures, "compute", classmethod(count_examples))
    finetuning = SMALL.finetuning.model_dump() | {"method": {"kind": "head_only"}}
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"finetuning": finetuning}))
    task = Task.load(draft.scratch / "site_section.parquet")
    assert len(counts) == 3 * (1 + 3)  # of each part, with pretrained weights once, with random ones for every seed
    assert sum(counts) == 4 * sum(map(len, task.parts.values()))
    assert "pretrained" in (draft.path / "summary.md").read_text()


def test_unlabelled_texts_are_one_more_row(run: Run) -> None:
    finetuning = SMALL.finetuning.model_dump() | {
        "learning_rates": [0.01],
        "unlabelled": {"method": "consistency", "max_texts": 20},
    }
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"labels_per_class": [2], "finetuning": finetuning}))
    benchmark = read_scores(draft)["site_section"]
    assert "unlabelled" in rivals(benchmark)
    assert "| pretrained + unlabelled texts |" in (draft.path / "summary.md").read_text()
    assert "Unlabelled texts add" in (draft.path / "report.html").read_text()


@pytest.mark.parametrize("method", ["full", "head_only"])
def test_augmentation_and_continued_pretraining_are_a_row_each(method: str, run: Run) -> None:
    added = {
        "method": {"kind": method},
        "augmentation": {"method": "words", "max_copies": 2, "word_fraction": 0.3},
        "continued_pretraining": {"enabled": True, "epochs": 1},
    }
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]} | added
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"labels_per_class": [2], "finetuning": finetuning}))
    benchmark = read_scores(draft)["site_section"]
    assert {"augmented", "continued"} < rivals(benchmark)
    assert list(draft.counts["scores"]["site_section"]["2"])[:3] == ["pretrained", "continued", "augmented"]
    assert draft.counts["continued"]["site_section"]["loss after"] < 6
    copies = draft.counts["augmentation"]["site_section"]
    assert 0 < copies["copies"] <= 2 * copies["texts"] <= 2 * 2 * 3 * 3
    summary = (draft.path / "summary.md").read_text()
    assert "| pretrained + continued pretraining |" in summary
    assert "| pretrained + augmented texts |" in summary
    report = unescape((draft.path / "report.html").read_text())
    for sentence in (
        "Continued pretraining on the task's texts adds",
        "Augmented copies of the labelled texts add",
    ):
        assert sentence in report
    assert not [
        name for name in draft.path.rglob("*") if name.suffix == ".safetensors" and ".scratch" not in name.parts
    ]


def test_a_missing_file_of_fine_tuning_is_reported_before_any_fit(tmp_path: Path) -> None:
    missing = {"finetuning": {"continued_pretraining": {"enabled": True, "file": str(tmp_path / "none")}}}
    with pytest.raises(
        BadSetting, match=r"evaluate: .* does not exist\. Correct .* evaluate\.finetuning\.continued_pretraining\.file"
    ):
        check_settings(Evaluate.model_validate(SMALL.model_dump() | missing), heldout=0.1)


@pytest.mark.parametrize("method", ["full", "head_only"])
def test_a_further_checkpoint_is_one_more_row(run: Run, masked: Path, tmp_path: Path, method: str) -> None:
    folder = tmp_path / "stock-bert"
    shutil.copytree(masked, folder)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(f'{{"sentence_good": "the {word}", "sentence_bad": "{word} the"}}\n' for word in "abc"))
    benchmarks = SMALL.model_dump()["benchmarks"] | {"minimal_pairs": {"sets": [{"name": "order", "path": str(pairs)}]}}
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "method": {"kind": method}}
    changed = {
        "labels_per_class": [2],
        "finetuning": finetuning,
        "benchmarks": benchmarks,
        "checkpoints": [str(folder)],
    }
    draft = run(Evaluate.model_validate(changed))
    scores = pl.read_parquet(draft.path / "scores.parquet").filter(metric="accuracy")
    assert scores.filter(model="stock-bert").group_by("benchmark").len().sort("benchmark").rows() == [
        ("order", 3),
        ("site_section", 3),
    ]
    values = {model: rows["value"].to_list() for (model,), rows in scores.group_by("model", maintain_order=True)}
    assert values["stock-bert"] != values["pretrained"], "of other weights"
    benchmark = read_scores(draft)["site_section"]
    assert "stock-bert" in rivals(benchmark)
    assert "| stock-bert |" in (draft.path / "summary.md").read_text()
    assert "The checkpoint stock-bert reaches" in (draft.path / "report.html").read_text()
    assert {result.benchmark for result in load_results(draft.path)} == {"order", "site_section"}


def test_where_a_further_checkpoint_cannot_answer_the_table_says_why(run: Run, masked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stock-bert"
    shutil.copytree(masked, folder)
    prompts, listed = tmp_path / "prompts.jsonl", tmp_path / "listed.txt"
    prompts.write_text('{"prompt": "the"}\n')
    listed.write_text("storm\n")
    sets = [{"name": "prompts", "path": str(prompts), "word_list": str(listed)}]
    toxicity = {"sets": sets, "num_continuations": 1, "max_new_tokens": 4}
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}
    changed = {"labels_per_class": [2], "finetuning": finetuning, "checkpoints": [str(folder)]}
    benchmarks = SMALL.model_dump()["benchmarks"] | {"toxicity": toxicity}
    draft = run(Evaluate.model_validate(changed | {"benchmarks": benchmarks}))
    rows = pl.read_parquet(draft.path / "scores.parquet").filter(model="stock-bert")
    assert set(rows["benchmark"]) == {"site_section"}
    why = "the model in stock-bert is a masked language model, which cannot continue a text"
    assert read_scores(draft)["prompts"]["left out"] == {"stock-bert": why}
    for name in ("summary.md", "report.html"):
        assert f"The checkpoint stock-bert is left out: {why}." in (draft.path / name).read_text()
    alone = {"site_section": {"enabled": False}, "toxicity": toxicity}
    with pytest.raises(StageFailure, match="cannot continue a text"):
        run(Evaluate.model_validate(changed | {"benchmarks": alone}), "alone")


def test_further_checkpoints_enter_the_key_by_what_they_hold(masked: Path, checkpoint: Path, tmp_path: Path) -> None:
    first, moved = tmp_path / "here" / "bert", tmp_path / "there" / "bert"
    for folder in (first, moved):
        shutil.copytree(masked, folder)
    before, after, other = (Evaluate(checkpoints=[str(folder)]).semantic() for folder in (first, moved, checkpoint))
    assert before == after != other
    assert str(tmp_path) not in json.dumps(before)
    with pytest.raises(ValidationError, match="need different names"):
        Evaluate(checkpoints=[str(first), str(moved)])
    with pytest.raises(ValidationError, match="need different names"):
        Evaluate(checkpoints=["somewhere/tfidf"])


def test_a_folder_that_is_no_checkpoint_is_reported_before_anything_runs(tmp_path: Path) -> None:
    for what, file in (("config.json", "config.json"), ("weights", "model.safetensors"), ("tokenizer", "vocab.txt")):
        with pytest.raises(BadSetting, match=f"evaluate.checkpoints: {tmp_path} has no {what}"):
            check_settings(Evaluate(checkpoints=[str(tmp_path)]), heldout=0.1)
        (tmp_path / file).touch()
    check_settings(Evaluate(checkpoints=[str(tmp_path)]), heldout=0.1)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("pytorch_model.bin", "", "is a pickle"),
        ("config.json", '{"model_type": "own", "auto_map": {"AutoModel": "own.Own"}}', "code of its own"),
    ],
)
def test_a_checkpoint_that_could_run_code_is_refused_before_anything_runs(
    tmp_path: Path, file: str, content: str, words: str
) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(BadSetting, match=rf"evaluate.checkpoints: {tmp_path / file} .*{words}"):
        check_settings(Evaluate(checkpoints=[str(tmp_path)]), heldout=0.1)


def test_test_texts_that_were_trained_on_are_counted(run: Run, tmp_path: Path) -> None:
    rows = [f"{word} storm {number}\t{word}\n" for number in range(12) for word in ("calm", "wild")]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    (tmp_path / "test.tsv").write_text("text\tlabel\n" + "".join([*rows[:3], "a calm day\tcalm\n"]))
    train, test = (str(tmp_path / f"{part}.tsv") for part in ("train", "test"))
    sets = [{"name": "mood", "train": train, "validation": train, "test": test}]
    changed = {"labels_per_class": [2], "finetuning": SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}}
    benchmarks = {"site_section": {"enabled": False}, "labelled_text": {"sets": sets}}
    draft = run(Evaluate.model_validate(changed | {"benchmarks": benchmarks}))
    for name in ("report.html", "summary.md"):
        assert "3 of its 4 test texts are training texts too" in (draft.path / name).read_text()
    assert "without repeats" in (draft.path / "report.html").read_text()
    benchmark = read_scores(draft)["mood"]
    assert benchmark["test part"]["training texts"] == 3
    answers = pl.read_parquet(draft.path / "answers.parquet").filter(~pl.col("in_training"))
    (right,) = (
        [one["predicted"] == "calm" for one in answers["predictions"][0] if one["model"] == "pretrained"] for _ in "a"
    )
    (mean,) = (
        mean["without training texts"]
        for mean in benchmark["means"]
        if (mean["model"], mean["metric"]) == ("pretrained", benchmark["metric"])
    )
    # one text is left, of one class, so MCC would be 0
    assert mean == (0 if benchmark["metric"] == "mcc" else sum(right) / 3)


def test_every_score_can_be_checked_from_the_answers(run: Run, every_type: dict[str, Any]) -> None:
    chosen = {kind: every_type[kind] for kind in ("similarity", "question_answering", "minimal_pairs")}
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}
    benchmarks = SMALL.model_dump()["benchmarks"] | chosen
    draft = run(Evaluate.model_validate({"labels_per_class": [2], "benchmarks": benchmarks, "finetuning": finetuning}))
    answers = pl.read_parquet(draft.path / "answers.parquet")
    scores = pl.read_parquet(draft.path / "scores.parquet")

    def find_score(benchmark: str, model: str, seed: int, metric: str) -> float:
        return float(
            scores.filter(benchmark=benchmark, model=model, seed=seed, metric=metric, labels=answers_of["labels"][0])[
                "value"
            ].item()
        )

    answers_of = answers.filter(benchmark="site_section")
    for model in ("pretrained", "random", "tfidf"):
        predictions = answers_of.explode("predictions").unnest("predictions").filter(model=model, seed=1)
        assert (predictions["predicted"] == predictions["truth"]).mean() == pytest.approx(
            find_score("site_section", model, 1, "accuracy")
        )
        assert predictions["probabilities"].list.len().unique().to_list() == [3]
        assert predictions["probabilities"].list.sum().to_list() == pytest.approx([1.0] * len(predictions), abs=1e-5)
    answers_of = answers.filter(benchmark="near", labels=0)
    numbers = answers_of.explode("predictions").unnest("predictions").filter(model="cosine", seed=0)
    correlation = numbers.select(pl.corr(pl.col("predicted").cast(float), pl.col("truth").cast(float))).item()
    assert correlation == pytest.approx(find_score("near", "cosine", 0, "pearson"))
    answers_of = answers.filter(benchmark="order")
    options = answers_of.explode("predictions").unnest("predictions").filter(model="pretrained", seed=0)
    assert options["log_likelihoods"].list.len().unique().to_list() == [2]
    assert answers.filter(benchmark="asked")["question"][0].startswith("which 0\nsome old oak")
    origins = answers.filter(benchmark="near")["origin"].to_list()
    assert all(", row " in origin for origin in origins)
    samples = pl.read_parquet(draft.path / "samples.parquet")
    by_seed = samples.filter(benchmark="site_section", labels=2).group_by("seed").len().sort("seed")
    assert by_seed.rows() == [(seed, 2 * 3) for seed in range(3)]
    pages = Task.load(draft.scratch / "site_section.parquet").train["origin"]
    assert set(samples.filter(benchmark="site_section")["origin"]) <= set(pages)


def test_texts_that_may_not_be_copied_are_named_by_their_places(run: Run, every_type: dict[str, Any]) -> None:
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}
    benchmarks = SMALL.model_dump()["benchmarks"] | {"question_answering": every_type["question_answering"]}
    changed = {"labels_per_class": [2], "benchmarks": benchmarks, "finetuning": finetuning, "copy_texts": False}
    draft = run(Evaluate.model_validate(changed))
    answers = pl.read_parquet(draft.path / "answers.parquet")
    assert answers["question"].null_count() == len(answers)
    assert answers["origin"].null_count() == 0
    assert answers["text"].null_count() == 0
    assert set(answers.filter(benchmark="site_section")["truth"]) == {"trees", "ships", "music"}
    assert "old oak" not in answers.filter(benchmark="asked")["truth"].to_list()
    assert not (draft.path / "attributions").exists()
    passages = Task.load(draft.scratch / "site_section.parquet").test["text"]
    report = (draft.path / "report.html").read_text()
    assert not [passage for passage in passages if passage in report]
    assert "Most confident mistakes" in report


def test_a_skewed_test_part_is_compared_by_mcc(run: Run, tmp_path: Path) -> None:
    rows = [f"{word} storm {number}\t{word}\n" for number in range(12) for word in ("calm", "wild")]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    tested = [
        f"a day of {word} {number}\t{word}\n" for word, count in (("calm", 40), ("wild", 10)) for number in range(count)
    ]
    (tmp_path / "test.tsv").write_text("text\tlabel\n" + "".join(tested))
    train, test = (str(tmp_path / f"{part}.tsv") for part in ("train", "test"))
    sets = [{"name": "mood", "train": train, "validation": train, "test": test}]
    sets.append(sets[0] | {"name": "named", "metrics": ["accuracy"]})
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "method": {"kind": "head_only"}}
    benchmarks = {"site_section": {"enabled": False}, "labelled_text": {"sets": sets}}
    draft = run(Evaluate.model_validate({"labels_per_class": [2], "finetuning": finetuning, "benchmarks": benchmarks}))
    scores = read_scores(draft)
    assert {name: benchmark["metric"] for name, benchmark in scores.items()} == {"mood": "mcc", "named": "accuracy"}
    assert scores["mood"]["test part"]["largest class"] == {"name": "calm", "share": 0.8}
    assert scores["mood"]["comparisons"] == sum(len(benchmark["differences"]) for benchmark in scores.values())
    for name in ("report.html", "summary.md"):
        text = unescape((draft.path / name).read_text()).replace("\u00a0", " ")
        assert "The test part is skewed, 80.0 % of it is “calm”, so models are compared by MCC" in text
        assert "models are compared by accuracy all the same" in text
        assert "the method head_only, in which only the head was trained" in text
        assert "This rests on one learning rate for all models, 0.01" in text


def test_examples_in_the_prompt_are_a_row_beside_fine_tuning(
    run: Run, every_type: dict[str, Any], checkpoint: Path, masked: Path, tmp_path: Path
) -> None:
    folders = []
    for name, source in (("other-gpt", checkpoint), ("stock-bert", masked)):
        shutil.copytree(source, tmp_path / name)
        folders.append(str(tmp_path / name))
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "max_target_length": 6}
    benchmarks = {"site_section": SMALL.model_dump()["benchmarks"]["site_section"], "tagging": every_type["tagging"]}
    changed = {"labels_per_class": [2], "benchmarks": benchmarks, "finetuning": finetuning}
    draft = run(Evaluate.model_validate(changed | {"shots": 4, "checkpoints": folders}))
    scores = read_scores(draft)
    assert {"prompted", "other-gpt, examples in the prompt"} <= rivals(scores["site_section"])
    assert "prompted" not in rivals(scores["trees"]), "tags are no answer that is chosen or written"
    reason = scores["site_section"]["left out"]["stock-bert, examples in the prompt"]
    assert reason == "the model is BertForMaskedLM, and prompts are for causal models"
    fits = [fit for fit in scores["site_section"]["fits"] if fit["model"] == "prompted"]
    assert [fit["seed"] for fit in fits] == [0, 1, 2]
    for fit in fits:
        assert fit["chosen"]["examples in the prompt"] + fit["chosen"]["examples dropped"] == 4
    for name in ("report.html", "summary.md"):
        text = unescape((draft.path / name).read_text()).replace("\u00a0", " ")
        assert "pretrained, examples in the prompt" in text
        assert re.search(r"With [\d.]+( of 4)? examples.* in its prompt and no fine-tuning it reaches", text)
        assert "The row stock-bert, examples in the prompt is left out: the model is BertForMaskedLM" in text


EMPTY = {"meta", "path", "rect", "circle", "wbr"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in EMPTY:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href", "data"}]

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag


def test_the_report_stands_alone(run: Run) -> None:
    text = (run().path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "url(" not in text
    assert "@import" not in text
    for words in (
        "random weights",
        "macro-F1",
        "Most confident mistakes",
        "From crawled pages to training documents",
        "nats per token",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benchmarks": {"site_section": {"enabled": False}}}, "no benchmark is enabled"),
        ({"benchmarks": {"site_section": {"url_pattern": "^(?P<label>nothing)$"}}}, "make 0 classes"),
    ],
)
def test_what_cannot_be_scored_is_reported_before_any_fit(run: Run, change: dict[str, Any], message: str) -> None:
    with pytest.raises(StageFailure, match=message):
        run(Evaluate.model_validate(SMALL.model_dump() | change))


def test_without_held_out_documents_there_is_nothing_to_score(run: Run, tokens: Path) -> None:
    (tokens / "heldout" / "00000.parquet").unlink()
    with pytest.raises(StageFailure, match="no held-out documents"):
        run()


def test_files_of_the_user_need_no_held_out_documents(run: Run, tokens: Path, tmp_path: Path) -> None:
    (tokens / "heldout" / "00000.parquet").unlink()
    texts = write_lines(tmp_path / "texts.txt", "A text of the user's own.")
    sets = {"sets": [{"name": "own", "path": str(texts)}]}
    benchmarks = {"site_section": {"enabled": False}, "language_modelling": sets}
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"benchmarks": benchmarks}))
    assert list(read_scores(draft)) == ["own"]
    assert read_json(draft)["contamination"]["heldout_documents"] == 0


@pytest.mark.parametrize("counts", [[], [-1], [8, 8]])
def test_label_counts_are_checked(counts: list[int]) -> None:
    with pytest.raises(ValidationError):
        Evaluate(labels_per_class=counts)


def test_settings_of_a_benchmark_that_is_off_do_not_enter_the_key() -> None:
    def key(enabled: bool, words: int) -> dict[str, Any]:
        block = {"enabled": enabled, "passage_words": words}
        return Evaluate.model_validate({"benchmarks": {"site_section": block}}).semantic()

    assert key(False, 10) == key(False, 20)
    assert key(True, 10) != key(True, 20)


def test_the_summary_has_a_picture_that_stands_alone(run: Run) -> None:
    text = (run().path / "summary.md").read_text()
    (encoded,) = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", text)
    root = ET.fromstring(base64.b64decode(encoded))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"var(" not in base64.b64decode(encoded)


def test_every_benchmark_has_a_description_and_survives_json() -> None:
    every = Every[Benchmark]()
    kinds = [kind for kind, _ in every.blocks()]
    assert {"labelled_text", "minimal_pairs", "question_answering", "site_section"} <= set(kinds)
    assert all(block.__doc__ for _, block in every.blocks())
    assert Evaluate.model_validate_json(SMALL.model_dump_json()) == SMALL


def test_the_gate_enters_no_key() -> None:
    strict = Evaluate.model_validate({"gate": {"enabled": False, "tolerance": 0.1, "fail": True}})
    assert strict.semantic() == Evaluate().semantic()


def test_an_evaluation_may_have_stock_heads(run: Run) -> None:
    stock = SMALL.model_copy(update={"finetuning": SMALL.finetuning.model_copy(update={"head": "stock"})})
    draft = run(stock)
    assert rivals(read_scores(draft)["site_section"]) == {"random", "tfidf", "majority", "chance"}
    assert stock.semantic()["finetuning"]["head"] == "stock"
    assert "head" not in SMALL.semantic()["finetuning"], "evaluations of earlier versions keep their keys"
