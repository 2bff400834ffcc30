"""GLUE (Wang et al., arXiv:1804.07461) as in its download, and three of its sources as their authors publish them.

The test files have no labels, so scores are computed on dev.tsv. Metrics are those of the paper's table 1.
"""

from typing import Any

from tasks.downstream.benchmarks._suite_presets import Preset
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.similarity import Similarity

DEV = {"train": "train.tsv", "test": "dev.tsv"}
COLA = {"train": "raw/in_domain_train.tsv", "test": "raw/in_domain_dev.tsv"}
MSR = {"train": "msr_paraphrase_train.txt", "test": "msr_paraphrase_test.txt"}
# these files will never be corrected: some rows of QQP have lost columns
TABLE = {"format": "tsv", "on_error": "skip"}
STS = {"train": "sts-train.csv", "validation": "sts-dev.csv", "test": "sts-test.csv"}


def _classification_preset(name: str, columns: dict[str, Any], *other_files: dict[str, str], **settings: Any) -> Preset:
    return Preset(name, name, LabelledText, (DEV, *other_files), {"columns": columns, **TABLE, **settings})


def _pair_columns(first: str, second: str, label: str = "label") -> dict[str, Any]:
    return {"text": first, "second_text": second, "label": label}


def _mnli_preset(name: str, test: str) -> Preset:
    columns = _pair_columns("sentence1", "sentence2", "gold_label")
    return Preset(
        name, "mnli", LabelledText, (DEV | {"test": test},), {"columns": columns, **TABLE, "skip_labels": ["-"]}
    )


def _stsb_preset(files: dict[str, str], text: str, second: str, number: str, *, header: bool) -> Preset:
    columns = {"text": text, "second_text": second, "number": number, "header": header}
    return Preset("stsb", "stsb", Similarity, (files,), {"columns": columns, "format": "tsv"})


GLUE = [
    _classification_preset("cola", {"text": "3", "label": "1", "header": False}, COLA, metrics=["mcc", "accuracy"]),
    _classification_preset("sst2", {"text": "sentence", "label": "label"}),
    _classification_preset("mrpc", _pair_columns("#1 String", "#2 String", "Quality"), MSR, metrics=["accuracy", "f1"]),
    _stsb_preset(DEV, "sentence1", "sentence2", "score", header=True),
    _stsb_preset(STS, "5", "6", "4", header=False),
    _classification_preset("qqp", _pair_columns("question1", "question2", "is_duplicate"), metrics=["accuracy", "f1"]),
    _mnli_preset("mnli", "dev_matched.tsv"),
    _mnli_preset("mnli-mm", "dev_mismatched.tsv"),
    _classification_preset("qnli", _pair_columns("question", "sentence")),
    _classification_preset("rte", _pair_columns("sentence1", "sentence2")),
    _classification_preset("wnli", _pair_columns("sentence1", "sentence2")),
]
