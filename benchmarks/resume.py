"""Does a run that is killed again and again end with the same bits? kill -9 at random steps, 20 times in one run.

Of each objective two runs are made: one without a stop, and one that is killed and goes on from its last checkpoint.
Their metrics are compared line by line and their last checkpoints (weights, optimizer, MoCo's queue and momentum
encoder) byte by byte. On a CPU, with one thread.

    python -m benchmarks.resume [--quick | --smoke]
"""

import functools
import multiprocessing
import os
import random
import signal
import sysconfig
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from benchmarks.report import Scale, print_result, print_table, print_versions, read_scale

KILLS = {Scale.FULL: 20, Scale.QUICK: 4, Scale.SMOKE: 1}
SOURCES = {Scale.FULL: "[a-d]*.py", Scale.QUICK: "[a-d]*.py", Scale.SMOKE: "a*.py"}
STEPS_A_KILL = 12
RUNS = {
    "masked": ("bert", {}),
    "causal": ("gpt2", {}),
    "moco": ("bert", {"queue_size": 256}),
}


def write_tokens(folder: Path, sources_pattern: str) -> None:
    """A tokens artifact of some of the standard library's files, a token a byte."""
    import pyarrow as pa
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = {f"{role}_token": f"<{role}>" for role in ("pad", "unk", "bos", "eos", "mask")}
    symbols = [*special.values(), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    table = Tokenizer(models.BPE({symbol: number for number, symbol in enumerate(symbols)}, []))
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    table.add_special_tokens(list(special.values()))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=table, **special)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder / "tokenizer")
    sources = sorted(Path(sysconfig.get_paths()["stdlib"]).glob(sources_pattern))
    texts = [text for path in sources for text in path.read_text(encoding="utf-8").split("\n\n")]
    schema = pa.schema([("input_ids", pa.list_(pa.uint16())), ("sentences", pa.list_(pa.uint32()))])
    for part, chosen in {"train": texts[:-100], "validation": texts[-100:]}.items():
        (folder / part).mkdir()
        ids = [encoding.ids for encoding in table.encode_batch(chosen)]
        with pa.ipc.new_file(str(folder / part / "0.arrow"), schema) as writer:
            writer.write_batch(pa.record_batch([ids, [[0]] * len(ids)], schema=schema))


def trained(kind: str, steps: int, tokens: Path, scratch: Path) -> None:
    """A run, or what is left of one."""
    import torch

    from tasks.model.hardware import Hardware
    from tasks.pretrain.settings import Pretrain
    from tasks.pretrain.training.loop import Training, train

    torch.set_num_threads(1)
    family, changes = RUNS[kind]
    settings = {
        "architecture": {"family": family, "num_layers": 2, "hidden_size": 64, "num_heads": 2, "max_length": 64},
        "objective": {"kind": kind, kind: changes},
        "steps": steps,
        "eval_interval": 10,
        "eval_rows": 16,
        "ema_decay": 0.9,
    }
    run = Training(Pretrain.model_validate(settings), [tokens], scratch, Hardware("cpu", "fp32", 1))
    # a checkpoint every few steps: most kills lose some steps, and many fall into the writing
    train(run, report=lambda *_: None, stopped=lambda: False, seconds=0.1)


def lines(scratch: Path) -> list[str]:
    """The whole lines of the metrics so far."""
    path = scratch / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def killed(process: ForkServerProcess, scratch: Path, step: int) -> bool:
    """Kill a run once it has taken so many steps. Whether it had not ended before."""
    while len(lines(scratch)) < step and process.is_alive():
        time.sleep(0.001)
    time.sleep(random.random() * 0.02)
    alive = process.is_alive()
    if alive and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive


def compared(kind: str, kills: int, tokens: Path, scratch: Path) -> tuple[int, int, str]:
    """How often a run was killed, in how many steps it differs from one that was not, and a word on it."""
    context = multiprocessing.get_context("forkserver")  # children that have imported everything, and nothing else
    context.set_forkserver_preload(["tasks.pretrain.training.loop", "tasks.model.families"])
    steps = kills * STEPS_A_KILL
    start = functools.partial(context.Process, target=trained)
    whole, broken = scratch / f"{kind} whole", scratch / f"{kind} broken"
    process = start(args=(kind, steps, tokens, whole))
    process.start()
    process.join()
    count = 0
    for step in sorted(random.sample(range(1, steps), kills)):
        process = start(args=(kind, steps, tokens, broken))
        process.start()
        count += killed(process, broken, step)
    process = start(args=(kind, steps, tokens, broken))
    process.start()
    process.join()
    pairs = zip(lines(whole), lines(broken), strict=True)
    differing = [number for number, (one, other) in enumerate(pairs, 1) if one != other]
    last = [(each / "checkpoints" / f"{steps:09d}" / "tensors.safetensors").read_bytes() for each in (whole, broken)]
    if last[0] != last[1] and not differing:
        differing = [steps]
    return count, len(differing), f"differs from step {differing[0]} on" if differing else "bit-identical"


def main() -> None:
    scale = read_scale(__doc__)
    kills = KILLS[scale]
    random.seed(0)
    print_versions("torch", "transformers")
    rows, total, differing = [], 0, 0
    with tempfile.TemporaryDirectory() as name:
        tokens = Path(name) / "tokens"
        write_tokens(tokens, SOURCES[scale])
        for kind in RUNS:
            count, number, word = compared(kind, kills, tokens, Path(name))
            rows.append((kind, kills * STEPS_A_KILL, count, number, word))
            total, differing = total + count, differing + number
    print_table(("objective", "steps", "kills", "differing steps", "against the run without a stop"), rows)
    print_result("resume", {}, {"kills": total, "differing_steps": differing})


if __name__ == "__main__":
    main()
