"""CLUE (Xu et al., arXiv:2004.05986) as in its archives, one folder a task, with CLUENER (arXiv:2001.04351).

The test files have no labels, so scores are computed on dev.json. C3 and ChID are answered zero-shot, by likelihood.
"""

import itertools
from typing import Any

from tasks.downstream.benchmarks._suite_presets import Preset, list_choice_files
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.multiple_choice import MultipleChoice
from tasks.downstream.benchmarks.question_answering import QuestionAnswering
from tasks.downstream.benchmarks.relation import Relation
from tasks.downstream.benchmarks.tagging import Tagging

DEV = ({"train": "train.json", "test": "dev.json"},)
# the largest training set that the folder holds
OCNLI = tuple({"train": f"train{size}.json", "test": "dev.json"} for size in ("", ".50k", ".30k", ".10k", ".3k", ".1k"))
CMRC = {"train": "cmrc2018_train.json", "test": "cmrc2018_dev.json"}
PAIRS = {"text": "sentence1", "second_text": "sentence2", "label": "label"}
PRONOUNS = {
    "first_span": {"text": "target.span1_text", "start": "target.span1_index"},
    "second_span": {"text": "target.span2_text", "start": "target.span2_index"},
}


def _classification_preset(
    name: str, columns: dict[str, str], files: tuple[dict[str, str], ...] = DEV, **settings: list[Any]
) -> Preset:
    # these files will never be corrected, so invalid rows are skipped and counted
    table = {"format": "jsonl", "columns": columns, "on_error": "skip"}
    return Preset(name, name, LabelledText, files, {**table, **settings})


def _choice_preset(name: str, folder: str, *files: str) -> Preset:
    # ChID's training file has half a million blanks, and is not read for a few examples
    sets = [list_choice_files(file, file.replace("dev", "train") if folder == "c3" else "") for file in files]
    return Preset(name, folder, MultipleChoice, tuple(itertools.chain(*sets)), {"format": folder})


CLUE = [
    _classification_preset("afqmc", PAIRS),
    _classification_preset("tnews", {"text": "sentence", "label": "label"}),
    # 119 classes, some of a few examples: only all labels reach every one
    _classification_preset("iflytek", {"text": "sentence", "label": "label"}, labels_per_class=[0]),
    # the annotators did not agree on texts with the label -
    _classification_preset("cmnli", PAIRS, skip_labels=["-"]),
    _classification_preset("ocnli", PAIRS, OCNLI, skip_labels=["-"]),
    _classification_preset("csl", {"text": "abst", "second_text": "keyword", "label": "label"}),
    Preset("cluewsc2020", "cluewsc2020", Relation, DEV, {"format": "jsonl", "columns": PRONOUNS}),
    Preset("cmrc2018", "cmrc2018", QuestionAnswering, (*DEV, CMRC), {}),
    Preset("cluener", "cluener", Tagging, DEV, {"format": "json", "on_error": "skip"}),
    _choice_preset("c3-dialogues", "c3", "d-dev.json", "c3-d-dev.json"),
    _choice_preset("c3-texts", "c3", "m-dev.json", "c3-m-dev.json"),
    _choice_preset("chid", "chid", "dev.json"),
]
