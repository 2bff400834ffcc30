"""Test texts that are training texts too."""

import numpy as np
from numpy.typing import NDArray

from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type


def find_repeated_rows(task: Task) -> NDArray[np.bool_]:
    """Return for each test example whether its text is in the training or validation part; never without training."""
    task_type = load_task_type(task)
    if not task_type.is_fine_tuned:
        return np.zeros(len(task.test), np.bool_)
    known = {
        task_type.format_question(row) for part in (task.train, task.validation) for row in part.iter_rows(named=True)
    }
    repeated = [task_type.format_question(row) in known for row in task.test.iter_rows(named=True)]
    return np.array(repeated, np.bool_)
