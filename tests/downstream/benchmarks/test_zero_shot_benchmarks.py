"""Texts, questions, pairs and prompts that models answer zero-shot, and the errors in them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream.baselines.bm25 import score_bm25
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.document_retrieval import DocumentRetrieval
from tasks.downstream.benchmarks.embedding_similarity import EmbeddingSimilarity
from tasks.downstream.benchmarks.language_modelling import LanguageModelling
from tasks.downstream.benchmarks.multiple_choice import MultipleChoice
from tasks.downstream.benchmarks.stereotype_pairs import StereotypePairs
from tasks.downstream.benchmarks.toxicity import Toxicity
from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.continuations import find_texts_with_words
from tasks.errors import BadSetting, StageFailure
from tasks.evaluate.settings import Evaluate
from tasks.evaluate.task import check_settings

HEAD = "sent_more,sent_less,stereo_antistereo,bias_type\n"
NONE = pl.DataFrame()


def load_task(benchmark: type[Benchmark], path: Path, heldout: pl.DataFrame = NONE, **fields: Any) -> Task:
    (task,) = benchmark.model_validate({"sets": [{"name": "made", "path": str(path), **fields}]}).make_tasks(heldout)
    return task


def write_file(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def score_baseline(task: Task, model: str, metric: str) -> float:
    kind = load_task_type(task)
    return kind.score_answers(task, task.test, kind.baselines[model](task, kind.sample(task, 0, 0)).answers)[
        metric
    ].value


def test_texts_of_files_and_of_held_out_documents(tmp_path: Path, heldout: pl.DataFrame) -> None:
    write_file(tmp_path / "texts" / "a.txt", "aab" * 100)
    write_file(tmp_path / "texts" / "b.jsonl", {"text": "ab"}, {"text": "文字"})
    task = load_task(LanguageModelling, tmp_path / "texts")
    assert task.test["group"].to_list() == ["a", "b", "b"]
    assert task.test["origin"].to_list()[1].endswith("b.jsonl, row 1")
    entropy = (math.log2(3) - 2 / 3) * 300 + 1 * 2 + (math.log2(6)) * 6  # the two characters have six different bytes
    assert score_baseline(task, "bytes", "bits_per_byte") == pytest.approx(entropy / 308)
    assert score_baseline(task, "bytes", "space_saving") == pytest.approx(1 - entropy / 308 / 8)
    assert score_baseline(task, "lzma", "bits_per_byte") < 1
    (kept,) = LanguageModelling(heldout=True, max_texts=5, max_chars=30).make_tasks(heldout)
    assert kept.test["text"].str.len_chars().to_list() == [30] * 5
    assert kept.test["origin"][0].startswith("http://")


def test_a_paragraph_is_the_document_of_its_questions(tmp_path: Path) -> None:
    def make_questions(*questions: str) -> list[dict[str, Any]]:
        return [{"id": question, "question": question, "answers": []} for question in questions]

    paragraphs = [
        {"context": "oak and birch", "qas": make_questions("oak?", "birch?")},
        {"context": "sail and mast", "qas": make_questions("mast?")},
    ]
    path = write_file(tmp_path / "a.json", {"data": [{"paragraphs": paragraphs}]})
    task = load_task(DocumentRetrieval, path, format="squad")
    assert task.train["text"].to_list() == ["oak and birch", "sail and mast"]
    assert task.test["relevant"].to_list() == [[0], [0], [1]]
    assert score_baseline(task, "bm25", "mrr") == 1
    assert score_baseline(task, "longest", "mrr") == pytest.approx(5 / 6)  # both are as long, so the first comes first
    kind, row = load_task_type(task), task.test.row(2, named=True)
    assert kind.format_truth(task, row) == "sail and mast"
    assert kind.format_answer(task, {"first": 0}) == "oak and birch"


def test_documents_without_a_question_are_kept_up_to_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_file(folder / "corpus.jsonl", *({"_id": f"{n}", "title": "", "text": f"text {n}"} for n in range(9)))
    write_file(folder / "queries.jsonl", {"_id": "q", "text": "one"}, {"_id": "r", "text": "two"})
    write_file(folder / "qrels.tsv", "query-id\tcorpus-id\tscore", "q\t7\t1", "q\t8\t2", "q\t1\t0", "r\t8\t1")
    (task,) = DocumentRetrieval.model_validate(
        {"max_documents": 4, "sets": [{"name": "made", "path": str(folder), "format": "beir"}]}
    ).make_tasks(NONE)
    texts = task.train["text"].to_list()
    assert len(texts) == 4
    assert [{texts[row] for row in rows} for rows in task.test["relevant"]] == [{"text 7", "text 8"}, {"text 8"}]
    write_file(folder / "qrels.tsv", "query-id\tcorpus-id\tscore", "q\t77\t1")
    with pytest.raises(StageFailure, match=r"qrels.tsv, row 1: there is no corpus-id '77'"):
        load_task(DocumentRetrieval, folder, format="beir")


def test_bm25_is_the_sum_over_words() -> None:
    scores = score_bm25(["the oak", "橡树"], ["the oak the oak", "the sail", "橡 木"])
    rare, common = math.log1p(2.5 / 1.5), math.log1p(1.5 / 2.5)  # one and two of three documents
    norm = 1.2 * (0.25 + 0.75 * 4 / (8 / 3))
    assert scores[0, 0] == pytest.approx((rare + common) * 2 * 2.2 / (2 + norm))
    assert scores[0, 2] == 0
    assert scores[1].argmax() == 2


def test_answers_to_choose_from(tmp_path: Path) -> None:
    row = {"question": "Which is a tree?", "options": ["a sail", "an oak", "a tide"], "answer": 2}
    task = load_task(MultipleChoice, write_file(tmp_path / "a.jsonl", row), first_index=1)
    assert task.test.select("prompt", "right").row(0) == ("Which is a tree? ", 1)
    assert score_baseline(task, "chance", "accuracy") == pytest.approx(1 / 3)
    assert score_baseline(task, "shortest", "accuracy") == pytest.approx(
        1 / 3
    )  # three are equally short, and share the point


def test_pairs_that_differ_in_a_group(tmp_path: Path) -> None:
    rows = ["poor x,rich x,stereo,money", '"old, x",new x y,antistereo,age', "young x,old x yy,stereo,age"]
    task = load_task(StereotypePairs, write_file(tmp_path / "a.csv", HEAD + "\n".join(rows)))
    assert task.test["options"].to_list()[1] == ["old, x", "new x y"]
    kind, answers = load_task_type(task), pl.DataFrame({"likelihoods": [[-1.0, -2.0], [-2.0, -1.0], [-1.0, -1.0]]})
    scores = {name: score.value for name, score in kind.score_answers(task, task.test, answers).items()}
    assert scores == {"evenness": 1, "stereotype_share": 0.5, "stereo_share": 0.75, "antistereo_share": 0}
    first_pair = kind.score_answers(task, task.test[:1], answers[:1])
    assert (first_pair["stereotype_share"].value, first_pair["evenness"].value) == (1, 0)


def test_listed_words_are_whole_words() -> None:
    assert find_texts_with_words(["ass", "坏"], ["a class", "Ass!", "很坏的", "an ass"]) == ["Ass!", "很坏的", "an ass"]
    assert find_texts_with_words(["c++"], ["in C++.", "c+"]) == ["in C++."]


def test_prompts_and_words(tmp_path: Path) -> None:
    words = write_file(tmp_path / "words.txt", "oak", "", " birch ")
    task = load_task(Toxicity, write_file(tmp_path / "prompts.txt", "the", "", "a"), word_list=str(words))
    assert task.names == ["oak", "birch"]
    assert task.test["text"].to_list() == ["the", "a"]
    answers = pl.DataFrame({"listed": [5, 0]})
    scores = load_task_type(task).score_answers(task, task.test, answers)
    assert (scores["unlisted"].value, scores["listed_prompts"].value) == (0.75, 0.5)


@pytest.mark.parametrize(
    ("benchmark", "name", "text", "message"),
    [
        (StereotypePairs, "a.csv", HEAD + "a,b,stereo,age\na,b,wrong,age", r"a.csv, row 2: 'wrong' in the column"),
        (StereotypePairs, "a.csv", HEAD + "a,a,stereo,age", r"row 1: the two sentences are the same"),
        (StereotypePairs, "a.csv", HEAD + "a,b,stereo", r"row 1: 3 columns where 4"),
        (StereotypePairs, "a.csv", "sent_more,bias_type\na,b", r"row 1: there is no column 'sent_less'"),
        (MultipleChoice, "a.jsonl", '{"question": "a", "options": ["b", {}], "answer": 0}', r"row 1: no text in"),
        (MultipleChoice, "a.jsonl", '{"question": "a", "options": ["b", "c"], "answer": 2}', r"row 1: 2 in 'answer'"),
        (MultipleChoice, "a.jsonl", '{"question": "a", "options": ["b"], "answer": 0}', "no list of texts in"),
        (DocumentRetrieval, "a.jsonl", '{"question": "a", "document": "b"}', "1 questions and 1 documents"),
        (DocumentRetrieval, "a.jsonl", '{"question": "a"}', r"a.jsonl, row 1: there is no column 'document'"),
        (EmbeddingSimilarity, "a.tsv", "text\tsecond_text\tscore\na\tb\t1\n", "all numbers of made are the same"),
        (LanguageModelling, "a.txt", " \n", r"a.txt: the text is empty"),
        (LanguageModelling, "a.pdf", "%PDF-1.4\n\0", r"a.pdf is no text file"),
    ],
)
def test_invalid_rows_are_reported(
    tmp_path: Path, benchmark: type[Benchmark], name: str, text: str, message: str
) -> None:
    with pytest.raises(StageFailure, match=message):
        load_task(benchmark, write_file(tmp_path / name, text))


def test_an_empty_list_and_a_missing_file_are_reported(tmp_path: Path) -> None:
    prompts, words = write_file(tmp_path / "prompts.txt", "the"), write_file(tmp_path / "words.txt", "")
    with pytest.raises(StageFailure, match="1 prompts and 0 words"):
        load_task(Toxicity, prompts, word_list=str(words))
    with pytest.raises(StageFailure, match=r"none.txt does not exist"):
        load_task(Toxicity, prompts, word_list=str(tmp_path / "none.txt"))
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    with pytest.raises(StageFailure, match="not utf-8 at byte 0"):
        load_task(LanguageModelling, tmp_path / "bad.txt", encoding="utf-8")


def test_the_key_depends_on_the_files_and_not_on_their_folder(tmp_path: Path) -> None:
    def key(path: Path) -> dict[str, Any]:
        block = {"name": "made", "path": str(path), "word_list": str(tmp_path / "words.txt")}
        return Toxicity.model_validate({"sets": [block]}).semantic()

    write_file(tmp_path / "words.txt", "oak")
    before = key(write_file(tmp_path / "one" / "a.txt", "the"))
    assert key(write_file(tmp_path / "two" / "a.txt", "the")) == before
    write_file(tmp_path / "words.txt", "birch")
    assert key(tmp_path / "one" / "a.txt") != before


@pytest.mark.slow
def test_real_collections(shared: Any) -> None:
    task = load_task(DocumentRetrieval, shared("cmrc2018") / "cmrc2018_trial.json", format="squad")
    assert (len(task.test), len(task.train)) == (500, 256)
    assert score_baseline(task, "bm25", "ndcg@10") > 0.9
    columns = {"text": "5", "second_text": "6", "number": "4", "header": False}
    task = load_task(EmbeddingSimilarity, shared("stsb") / "sts-dev.csv", format="tsv", columns=columns)
    assert len(task.test) == 1500
    assert score_baseline(task, "cosine", "spearman") == pytest.approx(0.714, abs=0.02)
    assert np.isclose(
        score_baseline(task, "cosine", "spearman"), score_baseline(task, "cosine", "spearman_standardized")
    )


def test_language_modelling_needs_held_out_documents_where_they_are_enabled() -> None:
    benchmarks = {"site_section": {"enabled": False}, "language_modelling": {"heldout": True}}
    settings = Evaluate.model_validate({"benchmarks": benchmarks})
    check_settings(settings, 0.1)  # they are not there before a run
    with pytest.raises(BadSetting, match="language_modelling is made of held-out pages"):
        check_settings(settings, 0)
