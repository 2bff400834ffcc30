"""The abilities of the model in a folder, read from its files without torch."""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.downstream.kept_models.record import KeptRecord, read_record
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure
from tasks.runtime.model_folders import refuse_untrusted_model

Ability = Literal["continue", "fill", "predict"]

KINDS_BY_CLASS = {
    "ForSequenceClassification": "classes",
    "ForTokenClassification": "tags",
    "ForQuestionAnswering": "answers",
    "ForConditionalGeneration": "texts",
}
"""End of the name of a transformers class → the type of task that it answers"""
MAX_LENGTH = 512
"""tokens of a text at most for a folder of others, where its tokenizer and its positions allow more"""


class FolderModel(NamedTuple):
    """A model's folder: what it can do and, where it predicts, its task."""

    folder: Path
    ability: Ability
    record: KeptRecord | None = None


def describe_folder(folder: Path) -> FolderModel:
    """Return what the model in a folder can do. Raises StageFailure for a folder without a model that is known."""
    refuse_untrusted_model(folder)
    record = read_record(folder)
    if record is not None:
        return FolderModel(folder, "predict", record)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageFailure(
            f"{folder} holds no model: its config.json cannot be read", "Give a model's folder"
        ) from error
    architecture = (config.get("architectures") or [""])[0]
    if architecture.endswith(("LMHeadModel", "ForCausalLM")):
        return FolderModel(folder, "continue")
    if architecture.endswith("ForMaskedLM"):
        return FolderModel(folder, "fill")
    kind = next((kind for ending, kind in KINDS_BY_CLASS.items() if architecture.endswith(ending)), None)
    if kind is None:
        raise StageFailure(
            f"the model in {folder} is {architecture or 'of no named class'}, which neither writes nor predicts",
            "Give a causal or masked language model, or one that was fine-tuned: see textmill ls",
        )
    return FolderModel(folder, "predict", make_record(folder, kind, config))


def needs_second(record: KeptRecord) -> bool:
    """Tell whether a model reads a second text beside the first: of a pair, or the text that holds an answer."""
    return record.has_pairs or record.kind == "answers"


def make_record(folder: Path, kind: str, config: dict[str, Any]) -> KeptRecord:
    """Return what a record would say of a fine-tuned model of others."""
    names = [name for _, name in sorted((int(index), name) for index, name in (config.get("id2label") or {}).items())]
    if kind == "tags" and "O" not in names:
        raise StageFailure(
            f"none of the labels of {folder} is O, for words outside of entities: {', '.join(names[:8])}",
            "Name them in id2label of config.json, as B-PER, I-PER and O",
        )
    is_number = kind == "classes" and (config.get("problem_type") == "regression" or len(names) == 1)
    return KeptRecord(
        task=folder.name,
        kind="numbers" if is_number else kind,
        names=[] if is_number or kind in ("answers", "texts") else names,
        data="",
        model="pretrained",
        labels=0,
        seed=0,
        has_pairs=False,
        learning_rate=0.0,
        validation=0.0,
        finetuning=FineTuning(head="stock", max_length=MAX_LENGTH),
    )
