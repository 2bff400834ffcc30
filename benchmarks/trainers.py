"""Contenders of the training benchmark: our loop, HF Trainer with its stock collators, and a plain loop.

Each runs in a process of its own, from the same first weights over the same rows, and tells what its steps after the
warm-up cost. None needs Prefect, so that this runs on any machine with a GPU.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice, pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import nn
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from tasks.model.families import build_model
from tasks.model.hardware import Hardware, detect_hardware
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training

RATE = 1e-4
MASKED = 0.15


@dataclasses.dataclass(frozen=True)
class Work:
    """What each contender is given. `rows` are those of a step, and documents of a step where the peers pad."""

    family: str
    size: str
    length: int
    rows: int
    steps: int
    warm: int
    device: str
    context: int
    """places that the model has"""
    documents: int | None = None
    """of a step, for those who pad; otherwise every row is full"""
    precision: str = "fp32"
    """of everybody's matrix products"""

    @property
    def cuda(self) -> bool:
        return self.device == "cuda"

    @property
    def bf16(self) -> bool:
        return self.precision == "bf16"

    @property
    def masked(self) -> bool:
        return self.family == "bert"

    @property
    def all_steps(self) -> int:
        return self.warm + self.steps

    def settings(self) -> Pretrain:
        """Ours. The optimizer is the one that Trainer takes by default."""
        endless = self.all_steps + 1  # the last step of a run validates
        return Pretrain.model_validate(
            {
                "architecture": {"family": self.family, "size": self.size, "max_length": self.context},
                "objective": {"kind": "masked" if self.masked else "causal"},
                "optimizer": {"kind": "adamw", "learning_rate": RATE},
                "batch": {"batch_size": self.rows, "seq_length": self.length, "start_token": False},
                "steps": endless,
                "eval_interval": endless,
            }
        )


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of the steps after the warm-up: CPU-seconds of each, or seconds of all on a GPU; tokens; bytes."""

    seconds: list[float]
    tokens: int
    """those that are no padding, in all of the steps"""
    memory: int

    @property
    def rates(self) -> list[float]:
        """Tokens a second."""
        return [self.tokens / len(self.seconds) / seconds for seconds in self.seconds]


class Watch:
    """Counts steps and tokens, and sees what those after the warm-up cost.

    On a CPU, where other work comes and goes, contenders take turns step by step; a GPU is one contender's at a time,
    and is not asked to wait before the last step.
    """

    def __init__(self, work: Work, turn: Connection) -> None:
        self.work, self.turn, self.steps = work, turn, 0
        self.seconds: list[float] = []
        self.before = _resident("VmRSS")
        self.turn.recv()
        self.began = self._now()

    def _now(self) -> float:
        if not self.work.cuda:
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def step(self) -> None:
        """One step is over."""
        self.steps += 1
        if self.work.cuda and self.steps not in (self.work.warm, self.work.all_steps):
            return
        self.seconds.append(self._now() - self.began)
        if not self.work.cuda:
            self.turn.send(None)
            self.turn.recv()
        self.began = self._now()

    def cost(self, tokens: list[int]) -> Cost:
        """`tokens` of each step from the first on."""
        memory = torch.cuda.max_memory_allocated() if self.work.cuda else _resident("VmHWM") - self.before
        timed = self.seconds[1 if self.work.cuda else self.work.warm :]
        return Cost(timed, sum(tokens[self.work.warm : self.work.all_steps]), memory)


def _resident(what: str) -> int:
    """Bytes of memory that the process has, or had at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def ours(work: Work, tokens: Path, scratch: Path, turn: Connection) -> Cost:
    """Our loop, as `python -m tasks.pretrain` runs it."""
    hardware = detect_hardware() if work.cuda else Hardware("cpu", work.precision, 1)
    hardware.configure_process()
    run = Training(work.settings(), [tokens], scratch, hardware)
    watch, read = Watch(work, turn), [0]
    for _ in range(work.all_steps):
        run.advance()
        watch.step()
        read.append(run.progress.tokens)
    return watch.cost([after - before for before, after in pairwise(read)])


class _Counting(DataCollatorForLanguageModeling):
    """The stock collator; it also notes how many tokens of a batch are no padding."""

    counts: list[int]

    def __call__(self, features: Any, return_tensors: Any = None) -> dict[str, Any]:
        self.counts.append(sum(len(each["input_ids"]) for each in features))
        made: dict[str, Any] = super().__call__(features, return_tensors)
        return made


class _Told(TrainerCallback):
    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.watch.step()


def trainer(work: Work, tokens: Path, scratch: Path, turn: Connection, dropout: float = 0.0) -> Cost:
    """HF Trainer by its defaults, without reports and saves. Its collator gets what `run_mlm.py` gives it."""
    torch.set_num_threads(1 if not work.cuda else torch.get_num_threads())
    watch = Watch(work, turn)
    arguments = TrainingArguments(
        output_dir=str(scratch),
        per_device_train_batch_size=work.documents or work.rows,
        max_steps=work.all_steps,
        learning_rate=RATE,
        use_cpu=not work.cuda,
        bf16=work.bf16,
        tf32=True if work.cuda else None,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,  # by default it drops the mask of special tokens, and the collator makes it anew
        disable_tqdm=True,
        dataloader_num_workers=2 if work.cuda else 0,
    )
    collator, model = _collator(work, tokens), model_of(work, tokens)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = dropout
    made = Trainer(
        model=model,
        args=arguments,
        train_dataset=_examples(tokens),
        data_collator=collator,
        callbacks=[_Told(watch)],
    )
    made.remove_callback(PrinterCallback)
    made.train()
    # where workers collate, nothing is padded
    return watch.cost([work.rows * work.length] * work.all_steps if work.documents is None else collator.counts)


def dropping(work: Work, tokens: Path, scratch: Path, turn: Connection) -> Cost:
    """The same with the dropout that the published configurations of BERT and GPT-2 have."""
    return trainer(work, tokens, scratch, turn, dropout=0.1)


def plain(work: Work, tokens: Path, _: Path, turn: Connection) -> Cost:
    """What one would write: the model's own loss, fused AdamW, clipping; on a GPU bf16 and torch.compile."""
    torch.set_num_threads(1 if not work.cuda else torch.get_num_threads())
    torch.set_float32_matmul_precision("high" if work.cuda else "highest")
    watch, collator = Watch(work, turn), _collator(work, tokens)
    model = nn.Module.to(model_of(work, tokens), work.device).train()
    scored: Callable[..., Any] = torch.compile(model) if work.cuda else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    examples = cycle(_examples(tokens))
    for _step in range(work.all_steps):
        batch = collator(list(islice(examples, work.documents or work.rows)))
        given = {name: tensor.to(work.device, non_blocking=True) for name, tensor in batch.items()}
        with torch.autocast(work.device, torch.bfloat16, enabled=work.bf16):
            scored(**given).loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        watch.step()
    return watch.cost(collator.counts)


Contender = Callable[[Work, Path, Path, Connection], Cost]
OURS, TRAINER, DROPPING, PLAIN = "ours", "Trainer", "Trainer, dropout", "plain loop"
CONTENDERS: dict[str, Contender] = {OURS: ours, TRAINER: trainer, DROPPING: dropping, PLAIN: plain}
FP32 = ", fp32"
IN_FP32 = (OURS + FP32, TRAINER + FP32)


def contend(name: str, work: Work, tokens: Path, turn: Connection) -> None:
    """A contender's process: a step each time that it is its turn; in the end it sends what they cost."""
    if name in IN_FP32:
        work = dataclasses.replace(work, precision="fp32")
    with tempfile.TemporaryDirectory() as scratch:
        turn.send(CONTENDERS[name.removesuffix(FP32)](work, tokens, Path(scratch), turn))


def model_of(work: Work, tokens: Path) -> PreTrainedModel:
    """The very weights that ours begins with."""
    settings = work.settings()
    return build_model(settings.architecture, read_vocabulary(tokens / "tokenizer"), settings.seed)


def _collator(work: Work, tokens: Path) -> _Counting:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokens / "tokenizer")
    made = _Counting(tokenizer, mlm=work.masked, mlm_probability=MASKED)
    made.counts = []
    return made


def _examples(tokens: Path) -> list[dict[str, list[int]]]:
    """Documents as the collator wants them, in memory: the peers pay for no reading."""
    with pa.memory_map(str(tokens / "train" / "0.arrow")) as file:
        documents = pa.ipc.open_file(file).read_all().column("input_ids").to_pylist()
    return [{"input_ids": ids, "special_tokens_mask": [0] * len(ids)} for ids in documents]
