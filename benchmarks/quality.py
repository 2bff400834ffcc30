"""Steps and losses of a good recipe, on a text small enough for a CPU.

`steps_to_1.88`: the characters of tinyshakespeare at the shape that nanoGPT's README gives for CPUs (4 layers, 4 heads,
width 128, 64 places, 12 rows a step, 90 % for training), where it reaches a validation loss of 1.88 in 2,000 steps.
Here the whole validation text is scored every 20 steps, by the same 64 characters a row. Our best recipe takes a Llama
of that shape, with rotary positions instead of learned ones; GPT-2, nanoGPT's own architecture, is told beside it.

The masked loss: BERT of that shape on the same text, our recipe and a stock one (AdamW with cosine, at the better of
two rates), over the same rows in the same number of steps.

    python -m benchmarks.quality [--quick | --smoke] [--text FILE]
"""

import argparse
import math
import random
import statistics
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.report import Scale, add_scale_options, print_result, print_table, print_versions

SHARED = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED_STEPS, LOSS = 2_000, 1.88
CONTEXT, ROWS = 64, 12
SEEDS, MASKED_SEEDS = {Scale.FULL: 5, Scale.QUICK: 1, Scale.SMOKE: 1}, 3
BEST = "llama"
JUDGED_EVERY = 20
SMOKE_STEPS = 20

# family: steps of a run, and its optimizer
CAUSAL: dict[str, tuple[int, dict[str, Any]]] = {
    "llama": (340, {"matrix_learning_rate": 0.03, "learning_rate": 0.01, "momentum": 0.8, "max_grad_norm": 0}),
    "gpt2": (460, {"matrix_learning_rate": 0.04, "learning_rate": 0.01, "momentum": 0.7, "max_grad_norm": 0}),
}


def written(text: str, folder: Path) -> Path:
    """A tokens artifact, a token a character."""
    import numpy as np
    import pyarrow as pa
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    symbols = [*sorted(set(text)), "<pad>", "<mask>"]
    number = {symbol: rank for rank, symbol in enumerate(symbols)}
    table = Tokenizer(models.WordLevel(number, unk_token="<pad>"))  # noqa: S106 - no password
    table.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    special = {"pad_token": "<pad>", "mask_token": "<mask>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=table, **special)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder / "tokenizer")
    ids = np.array([number[symbol] for symbol in text], dtype=np.uint16)
    schema = pa.schema([("input_ids", pa.list_(pa.uint16()))])
    for part, tokens in zip(("train", "validation"), np.split(ids, [int(0.9 * len(ids))]), strict=True):
        (folder / part).mkdir()
        with pa.ipc.new_file(str(folder / part / "0.arrow"), schema) as writer:
            writer.write_batch(pa.record_batch([pa.array([tokens], schema.field(0).type)], schema=schema))
    return folder


def run_of(settings: dict[str, Any], family: str, length: int, tokens: Path, scratch: Path) -> Any:
    """A run of ours at nanoGPT's shape."""
    from tasks.model.hardware import Hardware
    from tasks.pretrain.settings import Pretrain
    from tasks.pretrain.training.loop import Training

    hardware = Hardware("cpu", "fp32", 1)
    hardware.configure_process()
    given = {
        "architecture": {"family": family, "num_layers": 4, "hidden_size": 128, "num_heads": 4, "max_length": length},
        "batch": {"batch_size": ROWS, "seq_length": length, "start_token": False},
        "eval_rows": 1 << 20,
        "eval_interval": settings["steps"],
    }
    return Training(Pretrain.model_validate(given | settings), [tokens], scratch, hardware)


def steps_to_loss(seed: int, family: str, tokens: Path, smoke: bool) -> tuple[float, float]:
    """The first step at which the validation loss is good enough (infinity: none), and the loss at the end."""
    steps, optimizer = CAUSAL[family]
    steps = SMOKE_STEPS if smoke else steps
    settings = {"objective": {"kind": "causal"}, "optimizer": optimizer, "steps": steps, "seed": seed}
    reached = math.inf
    with tempfile.TemporaryDirectory() as scratch:
        # 64 predictions a row, as nanoGPT has, take 65 characters
        run = run_of(settings, family, CONTEXT + 1, tokens, Path(scratch))
        while run.progress.step < steps:
            line = run.advance()
            # no run is that far in its first three quarters
            if reached == math.inf and run.progress.step % JUDGED_EVERY == 0 and run.progress.step >= 0.75 * steps:
                loss = line.get("validation_loss") or run.gradients.compute_validation_loss()
                reached = run.progress.step if loss <= LOSS else math.inf
        run.checkpoints.wait()
    return reached, line["validation_loss"]


STOCK = {"kind": "adamw", "beta2": 0.999, "weight_decay": 0.01}
COSINE = {"shape": "cosine", "warmup_fraction": 0.06}
MASKED: dict[str, dict[str, Any]] = {
    "ours": {"optimizer": CAUSAL["gpt2"][1]},
    "stock, 1e-3": {"optimizer": {**STOCK, "learning_rate": 1e-3}, "schedule": COSINE},
    "stock, 3e-3": {"optimizer": {**STOCK, "learning_rate": 3e-3}, "schedule": COSINE},
}
MASKED_STEPS = 400


def masked_loss(seed: int, recipe: str, tokens: Path, smoke: bool) -> float:
    """Validation loss of a masked model at the end."""
    steps = SMOKE_STEPS if smoke else MASKED_STEPS
    settings = {"objective": {"kind": "masked"}, "steps": steps, "seed": seed, **MASKED[recipe]}
    with tempfile.TemporaryDirectory() as scratch:
        run = run_of(settings, "bert", CONTEXT, tokens, Path(scratch))
        while run.progress.step < steps:
            line = run.advance()
        run.checkpoints.wait()
    found: float = line["validation_loss"]
    return found


def text_of(path: Path | None, folder: Path) -> str:
    """Tinyshakespeare, from a file or the shared data. Raises SystemExit when it is not there."""
    if path is None and (SHARED / "tinyshakespeare.tar.xz").exists():
        subprocess.run([str(SHARED / "unpack.sh"), str(folder), "tinyshakespeare"], check=True, capture_output=True)
        path = folder / "tinyshakespeare" / "input.txt"
    if path is None:
        raise SystemExit("give --text input.txt: data/tinyshakespeare of karpathy/char-rnn")
    return path.read_text(encoding="utf-8")


def made_text() -> str:
    """Six letters in random order, of which any model soon has a loss of ln 6 = 1.79."""
    return "".join(random.Random(0).choices("abcdef", k=20_000))


def spelled(numbers: list[float]) -> str:
    """Mean, deviation and extremes."""
    if math.inf in numbers:
        return f"not reached by {numbers.count(math.inf)} of {len(numbers)}"
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.mean(numbers):.4g} ± {deviation:.2g} ({min(numbers):.4g}–{max(numbers):.4g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_scale_options(parser, "one seed instead of five")
    parser.add_argument("--text", type=Path, help="tinyshakespeare's input.txt")
    given = parser.parse_args()
    print_versions("torch", "transformers")
    smoke = given.scale is Scale.SMOKE
    seeds = range(SEEDS[given.scale])
    figures: dict[str, float] = {"seeds": len(seeds), "published": PUBLISHED_STEPS}
    rows: list[tuple[str, str, str]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, get_context("spawn")) as pool,  # one thread, and a core for those who share the machine
    ):
        (tokens := Path(folder) / "tokens").mkdir()
        written(made_text() if smoke else text_of(given.text, Path(folder)), tokens)
        for family in CAUSAL:
            found = list(pool.map(partial(steps_to_loss, family=family, tokens=tokens, smoke=smoke), seeds))
            reached = [steps for steps, _ in found]
            rows.append((f"{family}: steps to {LOSS}", spelled(reached), spelled([loss for _, loss in found])))
            if math.inf not in reached:
                name = f"steps_to_{LOSS}" + ("" if family == BEST else f" {family}")
                figures[name] = statistics.mean(reached)
        for recipe in MASKED:
            run = partial(masked_loss, recipe=recipe, tokens=tokens, smoke=smoke)
            losses = list(pool.map(run, seeds[:MASKED_SEEDS]))
            rows.append((f"masked, {recipe}", "", spelled(losses)))
            figures[f"masked loss, {recipe}"] = statistics.mean(losses)
    print_table(("run", "steps", "validation loss at the end"), rows)
    print_result("quality", {}, figures)


if __name__ == "__main__":
    main()
