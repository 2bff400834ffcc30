"""Checks of a checkpoint before it is fine-tuned: whether it can answer a task, and has what the recipe needs."""

from pathlib import Path

from tasks.downstream import zero_shot
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.back_translation import resolve_translator
from tasks.downstream.finetuning.lm_losses import find_objective
from tasks.downstream.finetuning.variants import uses_augmentation, uses_continued_pretraining
from tasks.downstream.finetuning.word_operations import WordOperations
from tasks.downstream.heads import find_model_class
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_config
from tasks.downstream.settings.augmentation import Augmentation
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type


def check_task_support(finetuning: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when a checkpoint cannot answer tasks of this type, or cannot be fine-tuned in this way."""
    load_config(checkpoint)
    if load_task_type(task).is_fine_tuned:
        find_model_class(task, finetuning.head).check_support(checkpoint, finetuning)
    else:
        zero_shot.check_zero_shot(task, checkpoint, finetuning)


def check_recipe_support(finetuning: FineTuning, task: Task, checkpoint: Path) -> None:
    """Raise StageFailure when augmentation or continued pretraining lacks a file, a model, or a language-model head."""
    if uses_augmentation(task, finetuning):
        check_augmentation(finetuning.augmentation)
    if uses_continued_pretraining(task, finetuning):
        tokens = CheckpointTokenizer(checkpoint, finetuning.continued_pretraining.max_length)
        find_objective(checkpoint)(checkpoint, tokens, finetuning.continued_pretraining.mask_rate)


def check_augmentation(settings: Augmentation) -> None:
    """Raise StageFailure when the word list or a translation model of augmentation cannot be opened."""
    if settings.method == "words":
        WordOperations(settings)
    else:
        for translator in (settings.forward_model, settings.backward_model):
            resolve_translator(translator)
