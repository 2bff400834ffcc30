"""The finetune stage alone."""

from typing import Annotated

from prefect import flow

from flows.flow_runs import end_flow
from flows.recipe_errors import refuse_old_names
from flows.stage_inputs import list_finetune_inputs
from tasks.finetune.settings import Finetune
from tasks.finetune.task import finetune as finetune_stage
from tasks.store import Artifact, Store


@flow(name="finetune")
def finetune(
    settings: Annotated[Finetune, refuse_old_names(Finetune, "finetune")] = Finetune(),  # noqa: B008 - frozen
    checkpoint: str = "newest",
    force: bool = False,
) -> list[Artifact]:
    """Fine-tune a checkpoint on each task, and keep the models as folders that open without Textmill.

    Args:
        settings: the tasks, and how models are fine-tuned on them
        checkpoint: key of the pretrain artifact, or its first digits, or newest; not used where settings name a folder
        force: build again though it is cached
    """
    store = Store.current()
    artifacts = [
        finetune_stage(task, *list_finetune_inputs(task, checkpoint, store), force=force)
        for task in settings.list_tasks()
    ]
    return end_flow(artifacts)
