"""Opens a kept model to answer with it."""

from pathlib import Path

from tasks.downstream.data.task_data import Task
from tasks.downstream.heads import find_model_class
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.stock_heads import StockModel
from tasks.errors import StageFailure

KeptModel = StockModel | TextGenerationModel


def open_kept_model(folder: Path, task: Task, finetuning: FineTuning) -> KeptModel:
    """Open a fine-tuned model's folder. Raises StageFailure for one that is not of the task's type."""
    model_class = find_model_class(task, "stock")
    try:
        if issubclass(model_class, StockModel):
            return model_class.open(folder, task, finetuning)
        assert issubclass(model_class, TextGenerationModel)
        merged = finetuning.model_copy(update={"method": type(finetuning.method)(kind="full")})
        return model_class.load(folder, task, merged, random=False, seed=0)
    except (OSError, ValueError, KeyError) as error:
        raise StageFailure(
            f"{folder} holds no model for {task.kind} that transformers opens: {str(error).rstrip('.')}",
            "Give the folder of a fine-tuned model, as `textmill run finetune` makes",
        ) from error
