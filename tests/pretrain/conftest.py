"""Real text, small: docstrings of the standard library, tokenized as the tokenize stage does it."""

import ast
import bisect
import hashlib
import multiprocessing
import re
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch
import torch.distributed as dist
from tokenizers import Encoding, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tasks.model.hardware import Hardware
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.monitoring.metrics import StepMetrics
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training, train

torch.set_num_threads(1)  # the models are so small that threads cost more than they bring

SPECIAL = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "mask_token": "<mask>",
}
FURTHER = ["<fim_prefix>", "<fim_middle>", "<fim_suffix>", *(f"<extra_id_{number}>" for number in range(8))]
SENTENCE = re.compile(r"[.!?]\s+|\n\s*")
MODULES = ("argparse", "textwrap", "shutil", "statistics", "datetime", "subprocess", "tarfile", "inspect", "logging")
CPU = Hardware("cpu", "fp32", 1)


def docstrings() -> list[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    texts = []
    for name in MODULES:
        path = library / f"{name}.py"
        tree = ast.parse((path if path.exists() else library / name / "__init__.py").read_text(encoding="utf-8"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
        texts += [text for node in nodes if (text := ast.get_docstring(node)) and len(text) > 30]
    return texts


def write_shard(
    path: Path, documents: list[list[int]], batch: int = 100, sentences: list[list[int]] | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema(
        [("id", pa.string()), ("input_ids", pa.list_(pa.uint16())), ("sentences", pa.list_(pa.uint32()))]
    )
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for begin in range(0, len(documents), batch):
            part = documents[begin : begin + batch]
            names = [str(begin + number) for number in range(len(part))]
            starts = [[0] for _ in part] if sentences is None else sentences[begin : begin + batch]
            writer.write_batch(pa.record_batch([names, part, starts], schema=schema))


def sentence_starts(text: str, encoding: Encoding) -> list[int]:
    """Numbers of the tokens with which sentences begin."""
    ends = [end for _, end in encoding.offsets]
    starts = {bisect.bisect_right(ends, mark.end()) for mark in SENTENCE.finditer(text)}
    return sorted({0, *(start for start in starts if start < len(ends))})


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokens artifact's folder: two training shards, one of validation, the tokenizer."""
    folder = tmp_path_factory.mktemp("tokens")
    texts = docstrings()
    table = Tokenizer(models.BPE(unk_token="<unk>"))
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    table.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=[*SPECIAL.values(), *FURTHER], initial_alphabet=alphabet, show_progress=False
    )
    table.train_from_iterator(texts, trainer)
    table.post_processor = processors.TemplateProcessing(
        "<bos> $A <eos>", "<bos> $A <eos> $B", [("<bos>", 2), ("<eos>", 3)]
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=table, extra_special_tokens=FURTHER, **SPECIAL)
    wrapped.save_pretrained(folder / "tokenizer")
    held = [hashlib.blake2b(text.encode()).digest()[0] < 26 for text in texts]
    encodings = table.encode_batch(texts, add_special_tokens=False)
    documents = [([*each.ids, 3], sentence_starts(text, each)) for text, each in zip(texts, encodings, strict=True)]
    training = [each for each, out in zip(documents, held, strict=True) if not out]
    parts = {
        "train/00000": training[:300],
        "train/00001": training[300:],
        "validation/00000": [each for each, out in zip(documents, held, strict=True) if out],
    }
    for name, part in parts.items():
        write_shard(folder / f"{name}.arrow", [ids for ids, _ in part], sentences=[starts for _, starts in part])
    return folder


def small(**changes: object) -> Pretrain:
    """Settings of a run of a second; masked ones with `family="bert"`."""
    family = changes.pop("family", "gpt2")
    given: dict[str, object] = {
        "architecture": {"family": family, "num_layers": 2, "hidden_size": 32, "num_heads": 2, "max_length": 32},
        "objective": {"kind": "causal" if family == "gpt2" else "masked"},
        "batch": {"batch_size": 4},
        "steps": 8,
        "eval_interval": 4,
        "eval_rows": 6,
    }
    return Pretrain.model_validate(given | changes)


def finish(run: Training, until: int | None = None, seconds: float = 1e9) -> list[StepMetrics]:
    """The lines of the steps up to one, or to the end."""
    lines: list[StepMetrics] = []
    train(
        run,
        report=lambda _, line: lines.append(line),
        stopped=lambda: until is not None and run.progress.step >= until,
        seconds=seconds,
    )
    return lines


def forty_steps(**changes: object) -> Pretrain:
    """Settings of a run that is long enough to learn."""
    return small(**{"steps": 40, "eval_interval": 40, "batch": {"batch_size": 16}, **changes})


def learnt(run: Training) -> float:
    """How far the loss falls: from that of the first batch to the last one on texts that were held out."""
    lines = finish(run)
    return float(lines[0]["loss"] - lines[-1]["validation_loss"])


def _joined(work: Callable[..., object], number: int, folder: Path, args: tuple[object, ...]) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=2)
    work(Ranks(number, 2), *args)
    dist.destroy_process_group()


@pytest.fixture(scope="session")
def as_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """`as_two_ranks(work, …)` calls `work(ranks, …)` in two processes over gloo.

    They are forks of a process that has imported everything and has no threads: one of this process, in which other
    tests ran flows, would wait at its end for threads that are not there.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tasks.pretrain.training.loop", "tasks.model.families"])

    def run(work: Callable[..., object], *args: object) -> None:
        folder = tmp_path_factory.mktemp("ranks")
        processes = [context.Process(target=_joined, args=(work, number, folder, args)) for number in (0, 1)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(200)
            process.kill()
        assert [process.exitcode for process in processes] == [0, 0]

    return run


@pytest.fixture
def training(tokens: Path, tmp_path: Path) -> Callable[..., Training]:
    """`training(settings, "name")` gives a run with a scratch folder of that name, so the same name resumes."""
    return lambda settings, name="run": Training(settings, [tokens], tmp_path / name, CPU)
