"""What fits, after something did not."""

import torch

from tasks.errors import StageFailure
from tasks.pretrain.distributed.sharding import is_sharded
from tasks.pretrain.training.batches import Batches
from tasks.pretrain.training.loop import Training


def is_about_memory(error: Exception) -> bool:
    """Whether an error says that memory is short."""
    # torch raises its own class on GPUs, and a plain RuntimeError on CPUs
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def out_of_memory(error: Exception, run: Training) -> StageFailure:
    """The failure that names the batch that would fit, found by trying."""
    batch, ranks = run.settings.batch, run.ranks.count
    line = (str(error).splitlines() or [type(error).__name__])[0]
    asked = batch.rows // batch.accumulation // ranks
    if is_sharded(run.gradients.scored):  # one rank alone cannot try
        return StageFailure(f"out of memory: {line}", "Raise pretrain.batch.accumulation, or the number of ranks")
    fits = most_rows(run, asked // 2)
    what = f"out of memory: {line} {asked} rows of {run.settings.length} tokens at once do not fit"
    less = "set TEXTMILL_ACTIVATIONS=recompute (same result, less memory at once)"
    if not fits:
        return StageFailure(f"{what}, nor does one", f"Lower pretrain.batch.length or the model's size, or {less}")
    if run.objective.compares_rows:
        mend = f"Set pretrain.batch.rows to {fits * ranks * batch.accumulation}"
    else:
        splits = range(batch.accumulation, batch.least_rows + 1)
        parts = next(
            (n for n in splits if batch.least_rows % (n * ranks) == 0 and batch.rows <= n * ranks * fits), None
        )
        mend = f"Set pretrain.batch.accumulation to {parts}" if parts else f"Set pretrain.batch.rows to {fits * ranks}"
    return StageFailure(f"{what}, {fits} do", f"{mend}, or {less}")


def most_rows(run: Training, rows: int) -> int:
    """How many rows fit in one forward and backward pass: so many, or half of that, and so on; 0 when none does.

    The run itself cannot go on after it.
    """
    while rows:
        try:
            _pass(run, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_about_memory(error):
                raise
            rows //= 2
        else:
            return rows
    return 0


def _pass(run: Training, rows: int) -> None:
    run.optimizers.forget()
    run.objective.after_skipped_step(run.learner)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    slots, cut = run.rows_of(run.step)  # the very ones that did not fit
    given = run.gradients.batch(Batches(run.settings, run.corpus).training(slots[:rows], cut))
    with run.hardware.autocast():
        total, _ = run.objective.compute_loss(run.learner, given)
    total.backward()  # type: ignore[no-untyped-call]
