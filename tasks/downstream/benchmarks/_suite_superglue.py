"""SuperGLUE (Wang et al., arXiv:1905.00537) as in its download; XNLI (arXiv:1809.05053) and WNUT 2017 beside it.

The test files of SuperGLUE have no labels, so scores are computed on val.jsonl. COPA is answered zero-shot.
"""

from typing import Any

from tasks.downstream.benchmarks._suite_presets import Preset
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.multiple_choice import MultipleChoice
from tasks.downstream.benchmarks.relation import Relation
from tasks.downstream.benchmarks.tagging import Tagging

VALIDATION = ({"train": "train.jsonl", "test": "val.jsonl"}, {"train": "train.jsonl", "test": "dev.jsonl"})
PREMISES = {"text": "premise", "second_text": "hypothesis", "label": "label"}
REFERENCES = {
    "first_span": {"text": "target.span1_text", "start": "target.span1_index", "in_words": True},
    "second_span": {"text": "target.span2_text", "start": "target.span2_index", "in_words": True},
}
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
    # both sentences, with the word whose sense is asked for only in them
    _classification_preset("wic", {"text": "sentence1", "second_text": "sentence2", "label": "label"}),
    Preset("wsc", "wsc", Relation, VALIDATION, {"format": "jsonl", "columns": REFERENCES, "on_error": "skip"}),
    Preset("copa", "copa", MultipleChoice, ({"path": "val.jsonl"}, {"path": "dev.jsonl"}),
           {"question_column": "premise", "answer_column": "label", "first_index": 0}),
]  # fmt: skip
# the training part of XNLI is MultiNLI's translations, gigabytes of their own: its dev part is learnt from here
XNLI = [
    Preset(f"xnli-{language}", folder, LabelledText, ({"train": "xnli.dev.tsv", "test": "xnli.test.tsv"},),
           {"format": "tsv", "columns": XNLI_COLUMNS, "on_error": "skip",
            "keep_rows": [{"column": "language", "value": language}]})
    for language in XNLI_LANGUAGES
    for folder in ("xnli", "xnli10")
]  # fmt: skip
WNUT = [
    Preset("wnut17", folder, Tagging, WNUT_FILES, {"format": "conll", "on_error": "skip"})
    for folder in ("wnut17", "wnut2017", "wnut", "emergingentities17", "wnut17ner")
]
