import base64
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
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
from tasks.evaluate.report.attribution_texts import read
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import check_settings, evaluate
from tasks.store import Artifact, Draft

SMALL = Evaluate.model_validate(
    {
        "labels": [2, 6],
        "finetuning": {"learning_rates": [0.003, 0.01], "epochs": 2, "min_steps": 8, "batch_size": 6, "max_length": 32},
        "benchmarks": {"site_section": {"passage_words": 12, "min_words": 6, "min_passages_per_class": 8}},
    }
)
LINEAGE = [{"stage": "clean", "key": "k", "digest": "d", "settings": {}, "counts": {"documents": 9, "kept": 7}}]
FILES = ["answers.parquet", "report.html", "scores.json", "scores.parquet", "summary.md"]

Run = Callable[..., Draft]


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


def test_everything_is_scored_and_told(run: Run) -> None:
    draft = run()
    scores = pl.read_parquet(draft.path / "scores.parquet")
    assert scores.columns == ["benchmark", "model", "labels", "seed", "metric", "value"]
    assert len(scores) == 4 * 2 * 3 * 6
    assert scores.filter(pl.col("metric") != "mcc")["value"].is_between(0, 1).all()
    told = json.loads((draft.path / "scores.json").read_text())
    assert told["contamination"]["shared_ids"] == 0
    assert {each["second"] for each in told["benchmarks"]["site_section"]["differences"]} == {
        "random",
        "tfidf",
        "majority",
    }
    assert "| TF-IDF + logistic regression |" in (draft.path / "summary.md").read_text()
    assert draft.counts["scores"]["site_section"]["6"].keys() == {"pretrained", "random", "tfidf", "majority"}
    report = (draft.path / "report.html").read_text()
    assert report.count('<tr class="ours"><td>') == 2, "the pretrained model with each label count"
    test = Task.load(draft.scratch / "site_section.parquet").test
    guesses = pl.read_parquet(draft.path / "fits" / "site_section" / "pretrained-6-0.parquet")
    kept = load_answers(draft.path)["site_section", 6]
    assert (test["label"] == guesses["predicted"]).to_list() == kept.scores[0].parts[:, 0].tolist()
    looked = read(draft.path / "attributions" / "site_section" / "6.jsonl")
    assert [test["origin"][each["row"]] for each in looked] == [each["origin"] for each in looked] != []
    guesses = pl.read_parquet(draft.path / "fits" / "site_section" / "tfidf-6-0.parquet")
    one = scores.filter(model="tfidf", labels=6, seed=0, metric="accuracy")["value"].item()
    assert (test["label"] == guesses["predicted"]).mean() == one


def test_the_same_inputs_give_the_same_bytes(run: Run) -> None:
    first, second = run(name="first"), run(name="second")
    for name in FILES:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_finished_fits_are_not_run_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    before = (first.path / "report.html").read_bytes()
    (first.path / "report.html").unlink()
    monkeypatch.setattr("tasks.downstream.finetuning.shards._fit", None)  # fitting again would fail
    assert (run().path / "report.html").read_bytes() == before


def test_every_kind_of_task_stands_in_one_report(run: Run, tmp_path: Path) -> None:
    conll = tmp_path / "tags.txt"
    conll.write_text("".join(f"the O\n{word} B-TREE\nsail O\n\n" for word in ("oak", "birch") * 12))
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(f'{{"sentence_good": "the {word}", "sentence_bad": "{word} the"}}\n' for word in "abc"))
    table = tmp_path / "pairs.tsv"
    words = ["oak", "birch", "sail", "mast", "tide"]
    near = "".join(f"the {words[n % 5]} {words[n % 3]}\tof old {words[n % 4]}\t{n % 5}\n" for n in range(80))
    table.write_text("text\tsecond_text\tscore\n" + near)
    marked = tmp_path / "marked.jsonl"
    spans = [f"<e1>{words[n % 5]}</e1> {'of' if n % 2 else 'and'} <e2>{words[n % 3]}</e2>" for n in range(16)]
    rows = [{"text": f"the {each} tide", "label": "ab"[n % 2]} for n, each in enumerate(spans)]
    marked.write_text("\n".join(map(json.dumps, rows)))
    asked = tmp_path / "asked.json"
    told = [{"text": "old oak", "answer_start": 5}]
    qas = [{"id": str(n), "question": f"which {n}", "answers": told} for n in range(20)]
    asked.write_text(json.dumps({"data": [{"paragraphs": [{"context": "some old oak with many sails", "qas": qas}]}]}))
    titles = tmp_path / "titles.tsv"
    titles.write_text("source\ttarget\n" + "".join(f"the old {word} of\t{word}\n" for word in ("oak", "mast") * 6))

    def same(path: Path, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "train": str(path),
            "validation": str(path),
            "test": str(path),
            "labels_per_class": [0, 2],
        }

    benchmarks = SMALL.model_dump()["benchmarks"] | {
        "tagging": {"sets": [same(conll, "trees")]},
        "similarity": {"sets": [same(table, "near")]},
        "relation": {"sets": [same(marked, "marked")]},
        "question_answering": {"sets": [same(asked, "asked")]},
        "minimal_pairs": {"sets": [{"name": "order", "path": str(pairs)}]},
        "language_modelling": {"heldout": True, "max_texts": 6, "max_chars": 200},
        "text_to_text": {"sets": [same(titles, "titles") | {"labels_per_class": [0], "metrics": ["rouge1", "chrf"]}]},
    }
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "max_target_length": 6}
    draft = run(Evaluate.model_validate({"labels": [2], "benchmarks": benchmarks, "finetuning": finetuning}))
    boards = json.loads((draft.path / "scores.json").read_text())["benchmarks"]
    assert {name: each["metric"] for name, each in boards.items()} == {
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
        (name, each["labels"]): each["mean"]
        for name, board in boards.items()
        for each in board["means"]
        if (each["model"], each["metric"]) == ("pretrained", board["metric"])
    }
    kept = {(found.benchmark, found.labels): found.score for found in load_results(draft.path)}
    overlaps = json.loads((draft.path / "scores.json").read_text())["contamination"]["sets"]
    assert {name: each["texts"] for name, each in overlaps.items()} == {
        name: board["examples"]["test"] for name, board in boards.items()
    }
    assert {each.parent.name for each in draft.path.glob("attributions/*/*.jsonl")} == {
        "marked",
        "site_section",
        "trees",
    }
    assert kept == pytest.approx(means), "later models are compared by the same scores"
    text = (draft.path / "report.html").read_text() + (draft.path / "summary.md").read_text()
    for said in (
        "entity F1",
        "Spearman",
        "the shortest text",
        "entities of the sample",
        "answer F1",
        "no fine-tuning",
        "bits per byte",
        "LZMA",
        "ROUGE-1",
        "chrF",
    ):
        assert said in text, said


def test_what_answers_as_it_is_stands_in_the_report(run: Run, tmp_path: Path) -> None:
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
    told = json.loads((draft.path / "scores.json").read_text())["benchmarks"]
    assert {name: each["metric"] for name, each in told.items()} == {
        "asked": "ndcg@10",
        "bias": "evenness",
        "choose": "accuracy",
        "near": "spearman",
        "prompts": "unlisted",
    }
    assert {each["group"] for each in told["bias"]["groups"]} == {"", "age", "other"}
    text = (draft.path / "report.html").read_text()
    assert "asked: documents" in json.loads((draft.path / "scores.json").read_text())["contamination"]["sets"]
    for shown in ('<a href="#asked">', "BM25", "By group", "continuations without a listed word", "nDCG@10"):
        assert shown in text, shown
    page = Page()
    page.feed(text)
    assert page.open == []
    assert sorted(page.loads) == [f"#{name}" for name in sorted(told)]


def test_a_frozen_encoder_reads_every_text_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    of = FrozenFeatures.compute.__func__  # type: ignore[attr-defined]

    def counted(cls: type[FrozenFeatures], head: Head, examples: list[Example], *how: Any) -> FrozenFeatures:
        read.append(len(examples))
        return of(cls, head, examples, *how)  # type: ignore[no-any-return]

    monkeypatch.setattr(FrozenFeatures, "compute", classmethod(counted))
    finetuning = SMALL.finetuning.model_dump() | {"method": {"kind": "head_only"}}
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"finetuning": finetuning}))
    task = Task.load(draft.scratch / "site_section.parquet")
    assert len(read) == 3 * (1 + 3)  # of each part, with pretrained weights once, with random ones for every seed
    assert sum(read) == 4 * sum(map(len, task.parts.values()))
    assert "pretrained" in (draft.path / "summary.md").read_text()


def test_unlabelled_texts_are_one_more_row(run: Run) -> None:
    finetuning = SMALL.finetuning.model_dump() | {
        "learning_rates": [0.01],
        "unlabelled": {"method": "consistency", "max_texts": 20},
    }
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"labels": [2], "finetuning": finetuning}))
    told = json.loads((draft.path / "scores.json").read_text())["benchmarks"]["site_section"]
    assert "unlabelled" in {each["second"] for each in told["differences"]}
    assert "| pretrained + unlabelled texts |" in (draft.path / "summary.md").read_text()
    assert "Unlabelled texts add to it" in (draft.path / "report.html").read_text()


@pytest.mark.parametrize("way", ["full", "head_only"])
def test_what_is_added_to_the_pretrained_model_is_a_row_each(way: str, run: Run) -> None:
    added = {
        "method": {"kind": way},
        "augmentation": {"method": "words", "max_copies": 2, "word_fraction": 0.3},
        "continued_pretraining": {"enabled": True, "epochs": 1},
    }
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]} | added
    draft = run(Evaluate.model_validate(SMALL.model_dump() | {"labels": [2], "finetuning": finetuning}))
    told = json.loads((draft.path / "scores.json").read_text())["benchmarks"]["site_section"]
    assert {"augmented", "continued"} < {each["second"] for each in told["differences"]}
    assert list(draft.counts["scores"]["site_section"]["2"])[:3] == ["pretrained", "continued", "augmented"]
    assert draft.counts["continued"]["site_section"]["loss after"] < 6
    copies = draft.counts["augmentation"]["site_section"]
    assert 0 < copies["copies"] <= 2 * copies["texts"] <= 2 * 2 * 3 * 3
    summary = (draft.path / "summary.md").read_text()
    assert "| pretrained + the task's text |" in summary
    assert "| pretrained + altered copies |" in summary
    report = (draft.path / "report.html").read_text()
    for sentence in (
        "Pretraining that went on with the task's text adds to it",
        "Altered copies of the labelled texts add",
    ):
        assert sentence in report
    assert not [
        name for name in draft.path.rglob("*") if name.suffix == ".safetensors" and ".scratch" not in name.parts
    ]


def test_a_file_that_a_fit_will_read_is_missed_before(tmp_path: Path) -> None:
    missing = {"finetuning": {"continued_pretraining": {"enabled": True, "file": str(tmp_path / "none")}}}
    with pytest.raises(
        BadSetting, match=r"evaluate: .* does not exist\. Correct .* evaluate\.finetuning\.continued_pretraining\.file"
    ):
        check_settings(Evaluate.model_validate(SMALL.model_dump() | missing), heldout=0.1)


@pytest.mark.parametrize("way", ["full", "head_only"])
def test_a_further_checkpoint_is_one_more_row(run: Run, masked: Path, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "stock-bert"
    shutil.copytree(masked, folder)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(f'{{"sentence_good": "the {word}", "sentence_bad": "{word} the"}}\n' for word in "abc"))
    benchmarks = SMALL.model_dump()["benchmarks"] | {"minimal_pairs": {"sets": [{"name": "order", "path": str(pairs)}]}}
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01], "method": {"kind": way}}
    changed = {"labels": [2], "finetuning": finetuning, "benchmarks": benchmarks, "checkpoints": [str(folder)]}
    draft = run(Evaluate.model_validate(changed))
    scores = pl.read_parquet(draft.path / "scores.parquet").filter(metric="accuracy")
    assert scores.filter(model="stock-bert").group_by("benchmark").len().sort("benchmark").rows() == [
        ("order", 3),
        ("site_section", 3),
    ]
    values = {model: each["value"].to_list() for (model,), each in scores.group_by("model", maintain_order=True)}
    assert values["stock-bert"] != values["pretrained"], "of other weights"
    told = json.loads((draft.path / "scores.json").read_text())["benchmarks"]["site_section"]
    assert "stock-bert" in {each["second"] for each in told["differences"]}
    assert "| stock-bert |" in (draft.path / "summary.md").read_text()
    assert "The checkpoint stock-bert reaches" in (draft.path / "report.html").read_text()
    assert {each.benchmark for each in load_results(draft.path)} == {"order", "site_section"}


def test_where_a_further_checkpoint_cannot_answer_the_table_says_why(run: Run, masked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stock-bert"
    shutil.copytree(masked, folder)
    prompts, listed = tmp_path / "prompts.jsonl", tmp_path / "listed.txt"
    prompts.write_text('{"prompt": "the"}\n')
    listed.write_text("storm\n")
    sets = [{"name": "prompts", "path": str(prompts), "word_list": str(listed)}]
    toxicity = {"sets": sets, "num_continuations": 1, "max_new_tokens": 4}
    finetuning = SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}
    changed = {"labels": [2], "finetuning": finetuning, "checkpoints": [str(folder)]}
    benchmarks = SMALL.model_dump()["benchmarks"] | {"toxicity": toxicity}
    draft = run(Evaluate.model_validate(changed | {"benchmarks": benchmarks}))
    rows = pl.read_parquet(draft.path / "scores.parquet").filter(model="stock-bert")
    assert set(rows["benchmark"]) == {"site_section"}
    why = "the model in stock-bert is a masked language model, which cannot continue a text"
    assert json.loads((draft.path / "scores.json").read_text())["benchmarks"]["prompts"]["left out"] == {
        "stock-bert": why
    }
    for name in ("summary.md", "report.html"):
        assert f"The checkpoint stock-bert is left out: {why}." in (draft.path / name).read_text()
    alone = {"site_section": {"enabled": False}, "toxicity": toxicity}
    with pytest.raises(StageFailure, match="cannot continue a text"):
        run(Evaluate.model_validate(changed | {"benchmarks": alone}), "alone")


def test_further_checkpoints_enter_the_key_by_what_they_hold(masked: Path, checkpoint: Path, tmp_path: Path) -> None:
    first, moved = tmp_path / "here" / "bert", tmp_path / "there" / "bert"
    for folder in (first, moved):
        shutil.copytree(masked, folder)
    here, there, other = (Evaluate(checkpoints=[str(folder)]).semantic() for folder in (first, moved, checkpoint))
    assert here == there != other
    assert str(tmp_path) not in json.dumps(here)
    with pytest.raises(ValidationError, match="names of their own"):
        Evaluate(checkpoints=[str(first), str(moved)])
    with pytest.raises(ValidationError, match="names of their own"):
        Evaluate(checkpoints=["somewhere/tfidf"])


def test_a_further_checkpoint_that_is_none_is_told_before_anything_runs(tmp_path: Path) -> None:
    for what, file in (("config.json", "config.json"), ("weights", "model.safetensors"), ("tokenizer", "vocab.txt")):
        with pytest.raises(BadSetting, match=f"evaluate.checkpoints: {tmp_path} has no {what}"):
            check_settings(Evaluate(checkpoints=[str(tmp_path)]), heldout=0.1)
        (tmp_path / file).touch()
    check_settings(Evaluate(checkpoints=[str(tmp_path)]), heldout=0.1)


def test_test_texts_that_were_trained_on_are_counted(run: Run, tmp_path: Path) -> None:
    rows = [f"{word} storm {number}\t{word}\n" for number in range(12) for word in ("calm", "wild")]
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    (tmp_path / "test.tsv").write_text("text\tlabel\n" + "".join([*rows[:3], "a calm day\tcalm\n"]))
    train, test = (str(tmp_path / f"{part}.tsv") for part in ("train", "test"))
    sets = [{"name": "mood", "train": train, "validation": train, "test": test}]
    changed = {"labels": [2], "finetuning": SMALL.finetuning.model_dump() | {"learning_rates": [0.01]}}
    benchmarks = {"site_section": {"enabled": False}, "labelled_text": {"sets": sets}}
    draft = run(Evaluate.model_validate(changed | {"benchmarks": benchmarks}))
    assert "3 of its 4 test texts are training texts too." in (draft.path / "report.html").read_text()


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
    for words in ("random weights", "macro-F1", "Most confident mistakes", "What became of the pages", "nats a token"):
        assert words in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [500]}, "500 labels a class were asked for"),
        ({"benchmarks": {"site_section": {"enabled": False}}}, "no benchmark is enabled"),
        ({"benchmarks": {"site_section": {"url_pattern": "^(?P<label>nothing)$"}}}, "make 0 classes"),
    ],
)
def test_what_cannot_be_scored_is_said_before_any_fit(run: Run, change: dict[str, Any], message: str) -> None:
    given = SMALL.model_dump()
    for name, value in change.items():
        given[name] = value
    with pytest.raises(StageFailure, match=message):
        run(Evaluate.model_validate(given))


def test_without_held_out_documents_there_is_nothing_to_score(run: Run, tokens: Path) -> None:
    (tokens / "heldout" / "00000.parquet").unlink()
    with pytest.raises(StageFailure, match="no held-out documents"):
        run()


@pytest.mark.parametrize("counts", [[], [-1], [8, 8]])
def test_label_counts_are_checked(counts: list[int]) -> None:
    with pytest.raises(ValidationError):
        Evaluate(labels=counts)


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
