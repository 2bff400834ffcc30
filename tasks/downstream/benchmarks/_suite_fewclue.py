"""FewCLUE (Xu et al., arXiv:2107.07498) as in its repository: one folder a task, with train_few_all.json and its folds.

Scores are computed on test_public.json, which has labels. ChID is a cloze here: #idiom# stands for one of seven idioms.
"""

from typing import Any

from tasks.downstream.benchmarks._suite_clue import PAIRS, PRONOUNS
from tasks.downstream.benchmarks._suite_presets import Preset, list_choice_files
from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.multiple_choice import MultipleChoice
from tasks.downstream.benchmarks.relation import Relation

FILES = tuple(
    {"train": f"train_{part}.json", "validation": f"dev_{part}.json", "test": "test_public.json"}
    for part in ("few_all", "0", "1")
)


def _classification_preset(name: str, folder: str, columns: dict[str, str], **settings: Any) -> Preset:
    # these files will never be corrected, so invalid rows are skipped and counted
    table = {"format": "jsonl", "columns": columns, "on_error": "skip"}
    return Preset(name, folder, LabelledText, FILES, {**table, **settings})


FEWCLUE = [
    _classification_preset("eprstmt", "eprstmt", {"text": "sentence", "label": "label"}),
    _classification_preset("csldcp", "csldcp", {"text": "content", "label": "label"}),
    _classification_preset("tnews", "tnews", {"text": "sentence", "label": "label"}),
    _classification_preset("iflytek", "iflytek", {"text": "sentence", "label": "label"}),
    _classification_preset("ocnli", "ocnli", PAIRS, skip_labels=["-"]),
    _classification_preset("ocnli", "ocnlif", PAIRS, skip_labels=["-"]),
    _classification_preset("bustm", "bustm", PAIRS),
    _classification_preset("csl", "csl", {"text": "abst", "second_text": "keyword", "label": "label"}),
    _classification_preset("csl", "cslf", {"text": "abst", "second_text": "keyword", "label": "label"}),
    Preset("cluewsc", "cluewsc", Relation, FILES, {"format": "jsonl", "columns": PRONOUNS, "on_error": "skip"}),
    Preset("cluewsc", "cluewscf", Relation, FILES, {"format": "jsonl", "columns": PRONOUNS, "on_error": "skip"}),
    *(
        Preset("chid", folder, MultipleChoice, list_choice_files("test_public.json", "train_few_all.json"),
               {"format": "cloze", "question_column": "content", "options_column": "candidates",
                "answer_column": "answer", "first_index": 0, "on_error": "skip"})
        for folder in ("chid", "chidf")
    ),
]  # fmt: skip
