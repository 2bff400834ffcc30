"""Defaults of a run that goes on from a model's folder: its architecture, a fitting objective, smaller steps."""

from pathlib import Path
from typing import Any

from tasks.model.architecture import MODEL_KINDS
from tasks.model.folder_architecture import read_folder_architecture

OBJECTIVES = {"encoder": "masked", "decoder": "causal", "encoder_decoder": "span_corruption"}
RATES = {"learning_rate": 1e-4, "matrix_learning_rate": 2e-3}
"""Learning rates of going on. AdamW moves a weight by up to its rate in a step, and the embeddings of trained models
are about 0.05, so the rate of beginning, 0.02, would undo them within steps"""


def fill_folder_defaults(settings: Any, defaults: dict[str, dict[str, Any]]) -> Any:
    """Return the raw settings of pretraining with what the folder of `start_from` decides, where they do not say it.

    What they name, they say, also where it is the default. Only of a form, which names every setting, the values that
    are those of `defaults` count as not said.
    Raises ValueError where they say something else. Settings without a readable folder are returned as they are.
    """
    start = settings.get("start_from") if isinstance(settings, dict) else None
    folder = (start.get("folder") if isinstance(start, dict) else getattr(start, "folder", "")) or ""
    decided = read_folder_architecture(Path(folder).expanduser()) if folder else {}
    if not decided:
        return settings
    family = decided["family"]
    if family not in MODEL_KINDS:
        raise ValueError(
            f"start_from.folder {folder} is a {family}, which is none of the families {', '.join(MODEL_KINDS)}: give "
            "another model"
        )
    fields = {name: _as_dict(settings.get(name)) for name in defaults}
    if is_form(fields, defaults, decided):
        fields = {name: drop_defaults(values, defaults[name]) for name, values in fields.items()}
    architecture = fields["architecture"]
    for name, value in decided.items():
        if architecture.get(name) is None:
            architecture[name] = value
        elif name == "max_length" and architecture[name] > value:
            raise ValueError(
                f"start_from.folder {folder} reads {value} tokens at once, and not {architecture[name]}: set "
                f"architecture.max_length to {value} or less"
            )
        elif name != "max_length" and architecture[name] != value:
            raise ValueError(
                f"start_from.folder {folder} has {name} {value}, and not {architecture[name]}: set "
                f"architecture.{name} to {value}, or leave it out"
            )
    fields["optimizer"] = RATES | fields["optimizer"]
    kind = "denoising" if family == "bart" else OBJECTIVES[MODEL_KINDS[family]]
    fields["objective"].setdefault("kind", "replaced_token_detection" if family == "electra" else kind)
    return settings | fields


def is_form(fields: dict[str, dict[str, Any]], defaults: dict[str, dict[str, Any]], decided: dict[str, Any]) -> bool:
    """Tell whether settings are those of a form: they name every setting, and give null for sizes of the folder.

    Complete settings that were resolved before, as the trainer gets them, give the folder's sizes.
    """
    is_complete = all(defaults[name].keys() <= fields[name].keys() for name in ("architecture", "optimizer"))
    return is_complete and any(fields["architecture"][name] is None for name in decided)


def drop_defaults(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the values that differ from the defaults."""
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _as_dict(value: Any) -> dict[str, Any]:
    """Return raw settings as a dictionary; of a block only what was set."""
    if isinstance(value, dict):
        return dict(value)
    return value.model_dump(exclude_unset=True) if value is not None else {}
