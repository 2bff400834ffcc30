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

    A value that is the one of `defaults` counts as not said: recipes and forms name all defaults.
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
    fields = {name: _as_dict(settings.get(name)) for name in ("architecture", "optimizer")}
    architecture = fields["architecture"]
    for name, value in decided.items():
        default = defaults["architecture"][name]
        if architecture.get(name, default) == default:
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
    for name, rate in RATES.items():
        if fields["optimizer"].get(name, defaults["optimizer"][name]) == defaults["optimizer"][name]:
            fields["optimizer"][name] = rate
    objective = _as_dict(settings.get("objective"))
    if objective.get("kind", defaults["objective"]["kind"]) == defaults["objective"]["kind"]:
        kind = "denoising" if family == "bart" else OBJECTIVES[MODEL_KINDS[family]]
        fields["objective"] = objective | {"kind": "replaced_token_detection" if family == "electra" else kind}
    return settings | fields


def _as_dict(value: Any) -> dict[str, Any]:
    """Return raw settings as a dictionary; of a block only what was set."""
    if isinstance(value, dict):
        return dict(value)
    return value.model_dump(exclude_unset=True) if value is not None else {}
