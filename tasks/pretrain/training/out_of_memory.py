"""After an out-of-memory error: find the batch that fits, by trying."""

import torch

from tasks.errors import StageFailure
from tasks.pretrain.distributed.sharding import is_sharded
from tasks.pretrain.training.batches import BatchLoader
from tasks.pretrain.training.loop import Training


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory is short."""
    # torch raises its own class on GPUs, and a plain RuntimeError on CPUs
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def describe_out_of_memory(error: Exception, run: Training) -> StageFailure:
    """Return the failure whose hint names the batch that fits, found by trying on the run, which cannot go on."""
    batch, world_size = run.settings.batch, run.ranks.world_size
    line = (str(error).splitlines() or [type(error).__name__])[0]
    rows_at_once = batch.batch_size // batch.grad_accumulation // world_size
    if is_sharded(run.gradients.loss_module):  # one rank alone cannot try
        return StageFailure(f"out of memory: {line}", "Raise pretrain.batch.grad_accumulation, or the number of ranks")
    # The full number has just failed.
    max_rows = find_max_rows(run, rows_at_once // 2)
    what = f"out of memory: {line} {rows_at_once} rows of {run.settings.seq_length} tokens at once do not fit"
    less = "set TEXTMILL_ACTIVATIONS=recompute (same result, less memory at once)"
    if not max_rows:
        return StageFailure(f"{what}, nor does one", f"Lower pretrain.batch.seq_length or the model's size, or {less}")
    if run.objective.compares_rows:  # micro-batches would change what each row is compared with
        hint = f"Set pretrain.batch.batch_size to {max_rows * world_size * batch.grad_accumulation}"
    else:
        candidates = range(batch.grad_accumulation, batch.min_batch_size + 1)
        splits = (n for n in candidates if batch.min_batch_size % (n * world_size) == 0)
        # The smallest split whose micro-batches fit at the full batch size; `min_batch_size` must be divisible too.
        fitting = next((n for n in splits if batch.batch_size <= n * world_size * max_rows), None)
        hint = (
            f"Set pretrain.batch.grad_accumulation to {fitting}"
            if fitting
            else f"Set pretrain.batch.batch_size to {max_rows * world_size}"
        )
    return StageFailure(f"{what}, {max_rows} do", f"{hint}, or {less}")


def find_max_rows(run: Training, rows: int) -> int:
    """Return how many rows fit in one forward and backward pass: `rows`, or half of that, and so on; 0 if none does.

    The run itself cannot go on after it.
    """
    while rows:
        try:
            _run_forward_backward(run, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            rows //= 2
        else:
            return rows
    return 0


def _run_forward_backward(run: Training, rows: int) -> None:
    run.optimizers.zero_grad()
    run.objective.after_skipped_step(run.learner)
    if torch.cuda.is_available():
        # The allocator keeps the freed blocks of the failed attempt, which a smaller one may not be able to use.
        torch.cuda.empty_cache()
    samples, parts = run.draw_samples(run.progress.step)  # the very rows that did not fit
    batch = BatchLoader(run.settings, run.data).load_training(samples[:rows], parts)
    with run.hardware.autocast():
        loss_sum, _ = run.objective.compute_loss(run.learner, run.gradients.to_device(batch))
    loss_sum.backward()  # type: ignore[no-untyped-call]
