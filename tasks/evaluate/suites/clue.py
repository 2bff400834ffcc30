"""CLUE (Xu et al., arXiv:2004.05986) as its archives lay it out, a folder a task, with CLUENER (arXiv:2001.04351).

The test files have no labels, so dev.json is what scores are computed on. C3 and ChID are answered without
fine-tuning, by likelihood.
"""

from typing import Any

from tasks.evaluate.benchmarks import Benchmark
from tasks.evaluate.benchmarks.labelled_text import LabelledText
from tasks.evaluate.benchmarks.multiple_choice import MultipleChoice
from tasks.evaluate.benchmarks.question_answering import QuestionAnswering
from tasks.evaluate.benchmarks.relation import Relation
from tasks.evaluate.benchmarks.tagging import Tagging
from tasks.evaluate.suites import Preset

DEV = ({"train": "train.json", "test": "dev.json"},)
SENTENCES = {"text": "sentence1", "second_text": "sentence2"}
# from the largest training set that is there; its writers did not agree on what is labelled -
OCNLI = tuple({"train": f"train{size}.json", "test": "dev.json"} for size in ("", ".50k", ".30k", ".10k", ".3k", ".1k"))
# 119 classes, some of a few examples: only all labels reach every one
MANY_CLASSES: dict[str, Any] = {"columns": {"text": "sentence"}, "labels": [0]}
PRONOUNS = {
    "first": {"text": "target.span1_text", "start": "target.span1_index"},
    "second": {"text": "target.span2_text", "start": "target.span2_index"},
}


def _lines(
    name: str, kind: type[Benchmark], settings: dict[str, Any], files: tuple[dict[str, str], ...] = DEV
) -> Preset:
    return Preset(name, name, kind, files, {"format": "jsonl"} | settings)


def _choices(name: str, folder: str, file: str) -> Preset:
    return Preset(name, folder, MultipleChoice, ({"path": file},), {"format": folder, "between": ""})


CLUE = [
    _lines("afqmc", LabelledText, {"columns": SENTENCES}),
    _lines("tnews", LabelledText, {"columns": {"text": "sentence", "label": "label_desc"}}),
    _lines("iflytek", LabelledText, MANY_CLASSES),
    _lines("cmnli", LabelledText, {"columns": SENTENCES, "skip_labels": ["-"]}),
    _lines("ocnli", LabelledText, {"columns": SENTENCES, "skip_labels": ["-"]}, OCNLI),
    _lines("csl", LabelledText, {"columns": {"text": "abst", "second_text": "keyword"}}),
    _lines("cluewsc2020", Relation, {"columns": PRONOUNS}),
    _lines("cmrc2018", QuestionAnswering, {"format": "squad"}),
    _lines("cluener", Tagging, {"format": "json"}),
    _choices("c3-dialogues", "c3", "d-dev.json"),
    _choices("c3-texts", "c3", "m-dev.json"),
    _choices("chid", "chid", "dev.json"),
]
