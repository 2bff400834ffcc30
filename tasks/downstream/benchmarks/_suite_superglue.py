"""SuperGLUE (Wang et al., arXiv:1905.00537) as in its download; XNLI (arXiv:1809.05053) and WNUT 2017 beside it.

The test files of SuperGLUE have no labels, so scores are computed on val.jsonl. COPA and ReCoRD are answered zero-shot.
MultiRC's score is F1 over all answers (F1a).
"""

from typing import Any

from tasks.downstream.benchmarks._suite_presets import Preset, list_choice_files
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.multiple_choice import MultipleChoice
from tasks.downstream.benchmarks.relation import Relation
from tasks.downstream.benchmarks.tagging import Tagging

VALIDATION = ({"train": "train.jsonl", "test": "val.jsonl"}, {"train": "train.jsonl", "test": "dev.jsonl"})
PREMISES = {"text": "premise", "second_text": "hypothesis", "label": "label"}
ANSWERS = {"text": "passage", "second_text": "question_answer", "label": "label"}
REFERENCES = {
    "first_span": {"text": "target.span1_text", "start": "target.span1_index", "in_words": True},
    "second_span": {"text": "target.span2_text", "start": "target.span2_index", "in_words": True},
}
# the training part of XNLI is that of MultiNLI, which lies in a folder of its own: GLUE's or its own download
XNLI_FILES = tuple(
    {"train": train, "validation": "xnli.dev.tsv", "test": "xnli.test.tsv"}
    for train in ("../mnli/train.tsv", "../multinli10/multinli_1.0_train.txt", "../multinli/multinli_1.0_train.txt")
)
XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
XNLI_COLUMNS = {"text": "sentence1", "second_text": "sentence2", "label": "gold_label"}
WNUT_FILES = (
    {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"},
    {"train": "wnut17train.conll", "test": "emerging.test.annotated"},
    {"train": "train.conll", "validation": "dev.conll", "test": "test.conll"},
    {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"},
)


def _classification_preset(name: str, columns: dict[str, Any], **settings: Any) -> Preset:
    return Preset(
        name, name, LabelledText, VALIDATION, {"format": "jsonl", "columns": columns, "on_error": "skip", **settings}
    )


SUPERGLUE = [
    _classification_preset("boolq", {"text": "question", "second_text": "passage", "label": "label"}),
    _classification_preset("cb", PREMISES, metrics=["accuracy", "macro_f1"]),
    _classification_preset("rte", PREMISES),
    _classification_preset("multirc", ANSWERS, format="multirc", metrics=["f1", "accuracy"]),
    Preset("wic", "wic", Relation, VALIDATION, {"format": "wic", "metrics": ["accuracy", "mcc"], "on_error": "skip"}),
    Preset("wsc", "wsc", Relation, VALIDATION, {"format": "jsonl", "columns": REFERENCES, "on_error": "skip"}),
    Preset("record", "record", MultipleChoice, ({"path": "val.jsonl"}, {"path": "dev.jsonl"}),
           {"format": "record", "on_error": "skip"}),
    Preset("copa", "copa", MultipleChoice, list_choice_files("val.jsonl", "train.jsonl"),
           {"format": "copa", "on_error": "skip"}),
]  # fmt: skip
# learnt from English, and tested in each language (cross-lingual transfer)
XNLI = [
    Preset(f"xnli-{language}", folder, LabelledText, XNLI_FILES,
           {"format": "tsv", "columns": XNLI_COLUMNS, "on_error": "skip", "skip_labels": ["-"],
            "keep_rows": [{"column": "language", "value": language, "part": part} for part in ("validation", "test")]})
    for language in XNLI_LANGUAGES
    for folder in ("xnli", "xnli10")
]  # fmt: skip
WNUT = [
    Preset("wnut17", folder, Tagging, WNUT_FILES, {"format": "conll", "on_error": "skip"})
    for folder in ("wnut17", "wnut2017", "wnut", "emergingentities17", "wnut17ner")
]
