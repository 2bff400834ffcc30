"""Sentences on what a result rests on."""

from tasks.downstream.data.task_data import Task
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type


def describe_caveats(finetuning: FineTuning, task: Task) -> tuple[str, ...]:
    """Return sentences on settings of fine-tuning that can turn a gain into a loss."""
    if not load_task_type(task).is_fine_tuned:
        return ()
    caveats = []
    if finetuning.method.kind != "full":
        trained = (
            "only the head was trained" if finetuning.method.kind == "head_only" else "not all weights were trained"
        )
        caveats.append(
            f"This rests on the method {finetuning.method.kind}, in which {trained}: with all weights the comparison "
            "may come out the other way round."
        )
    if len(finetuning.learning_rates) == 1:
        caveats.append(
            f"This rests on one learning rate for all models, {finetuning.learning_rates[0]:g}: with each model's best "
            "one the comparison may come out the other way round."
        )
    return tuple(caveats)
