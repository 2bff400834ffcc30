"""Tokens a second of pretraining: our loop against HF Trainer with its stock collators, and against a plain loop.

All train the same transformers model from the same weights without dropout, on the same rows, by AdamW with clipping;
Trainer also with the dropout of .1 that the published configurations have.
On a CPU they take turns step by step, with one thread each; what is told is CPU-seconds, and the peak of the memory
beyond what the imports take. All compute in the precision that our loop finds best there: bf16 where the CPU has units
for it, and then in fp32 too, which is what Trainer takes unless told otherwise.
On a GPU one after the other in bf16; seconds, and the peak of the GPU's memory.

`packed` are paragraphs of uneven length: ours packs them into rows, Trainer pads 16 of them to the longest; as many
tokens a step, and speed by tokens that are no padding. Model FLOPs utilisation (MFU) as in PaLM, arXiv:2204.02311
appendix B, with the vocabulary projection counted where tokens are predicted only, whoever computes more.

    python -m benchmarks.pretrain --device cpu|cuda [--quick | --smoke]
"""

import argparse
import collections
import dataclasses
import multiprocessing
import re
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.report import (
    Scale,
    Spread,
    add_scale_options,
    installed,
    print_result,
    print_table,
    print_versions,
    spread,
)
from benchmarks.trainers import CONTENDERS, IN_FP32, MASKED, OURS, PLAIN, TRAINER, Cost, Work, contend, model_of
from tasks.model.hardware import detect_hardware

SPECIAL = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "mask_token": "<mask>"}
LONGEST = 256
SMOKE_VOCABULARY = 1_000

# name: the work, and the size of the vocabulary
Works = dict[str, tuple[Work, int]]
CPU: Works = {
    "masked-30k": (Work("bert", "mini", 128, 16, 5, 1, "cpu", 128), 30_522),
    "masked-8k": (Work("bert", "mini", 128, 16, 5, 1, "cpu", 128), 8_192),
    "causal": (Work("gpt2", "mini", 256, 8, 5, 1, "cpu", 256), 16_384),
    "packed": (Work("bert", "mini", LONGEST, 0, 5, 1, "cpu", LONGEST, documents=16), 30_522),
}
CUDA: Works = {
    "masked-128": (Work("bert", "base", 128, 256, 40, 15, "cuda", 512), 30_522),
    "masked-512": (Work("bert", "base", 512, 64, 40, 15, "cuda", 512), 30_522),
    "mfu-causal": (Work("gpt2", "base", 1024, 32, 40, 15, "cuda", 1024), 50_257),
}


def words() -> Iterator[list[str]]:
    """The standard library's source by paragraphs, a token for each word or sign."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
            yield re.findall(r"\w+|[^\w\s]", paragraph)


def write_tokens(folder: Path, vocabulary: int, length: int, even: bool, max_documents: int | None = None) -> float:
    """A tokens artifact: all text in rows of one length, or a document a paragraph. Mean length of a document.

    The more frequent a word, the lower its number; words beyond the vocabulary's size share numbers.
    """
    import pyarrow as pa
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    texts = [found[:LONGEST] for found in islice(words(), max_documents) if found]
    counts = collections.Counter(word for text in texts for word in text).most_common()
    first = len(SPECIAL)
    number = {word: first + rank % (vocabulary - first) for rank, (word, _) in enumerate(counts)}
    documents = [[number[word] for word in text] for text in texts]
    if even:
        flat = [token for document in documents for token in document]
        documents = [flat[begin : begin + length] for begin in range(0, len(flat) - length, length)]
    symbols = [*SPECIAL.values(), *(f"word {rank}" for rank in range(first, vocabulary))]
    table = Tokenizer(models.WordLevel({symbol: rank for rank, symbol in enumerate(symbols)}, unk_token="<pad>"))  # noqa: S106 - no password
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=table, **SPECIAL)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder / "tokenizer")
    schema = pa.schema([("input_ids", pa.list_(pa.uint16()))])
    for part, chosen in {"train": documents[100:], "validation": documents[:100]}.items():
        (folder / part).mkdir()
        with pa.ipc.new_file(str(folder / part / "0.arrow"), schema) as writer:
            writer.write_batch(pa.record_batch([pa.array(chosen, schema.field(0).type)], schema=schema))
    return sum(map(len, documents)) / len(documents)


def measured(names: Sequence[str], work: Work, tokens: Path) -> dict[str, Cost]:
    """Costs of some contenders that take turns, each in a process of its own."""
    context = multiprocessing.get_context("forkserver")  # children that have imported everything, and nothing else
    context.set_forkserver_preload(["benchmarks.trainers", "tasks.model.families"])
    turns: dict[str, Connection] = {}
    costs: dict[str, Cost] = {}
    for name in names:
        turns[name], other = context.Pipe()
        context.Process(target=contend, args=(name, work, tokens, other)).start()
        other.close()
    while len(costs) < len(names):
        for name in [name for name in names if name not in costs]:
            turns[name].send(None)
            if (cost := turns[name].recv()) is not None:
                costs[name] = cost
    return costs


def utilisation(work: Work, tokens: Path, rate: float) -> float:
    """Share of what the GPU can do that so many tokens a second need."""
    from tasks.model.flops import TrainingFlops, find_peak_flops
    from tasks.model.packed import PackedModel

    hardware = detect_hardware()
    model = PackedModel(model_of(work, tokens), work.settings().architecture.model_kind)
    needed = TrainingFlops(model, work.length).count_step(1, MASKED if work.masked else 1)
    return rate * needed / find_peak_flops(hardware.device, hardware.precision)


def arguments() -> tuple[bool, Scale]:
    """Whether on a GPU, and how much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    add_scale_options(parser, "smaller models, within a minute or two")
    given = parser.parse_args()
    return given.device == "cuda", given.scale


def smaller(work: Work, scale: Scale) -> Work:
    """The same kind of work, for a look."""
    if scale is Scale.FULL:
        return work
    steps = 4 if scale is Scale.QUICK else 1
    return dataclasses.replace(work, size="tiny", rows=max(work.rows // 4, 2 * bool(work.rows)), steps=steps)


def over(ours: Cost, its: Cost) -> Spread:
    """How many times as fast ours is, step by step."""
    return spread([own / other for own, other in zip(ours.rates, its.rates, strict=True)])


def told(name: str, costs: dict[str, Cost]) -> tuple[list[tuple[object, ...]], dict[str, Spread]]:
    """Rows of the table, and how many times as fast as each peer ours is, step by step."""
    times = {peer: over(costs[OURS], cost) for peer, cost in costs.items() if peer != OURS}
    rows: list[tuple[object, ...]] = [
        (name, peer, spread(cost.rates), f"{cost.memory / 2**20:,.0f}", times.get(peer, ""))
        for peer, cost in costs.items()
    ]
    return rows, times


def main() -> None:
    cuda, scale = arguments()
    smoke = scale is Scale.SMOKE
    print_versions("torch", "transformers", "accelerate")
    precision = detect_hardware().precision
    # on a CPU the plain loop is as fast as Trainer: one look is enough
    names = [name for name in CONTENDERS if cuda or scale is not Scale.FULL or name != PLAIN]
    names += IN_FP32 if precision == "bf16" and not cuda else ()
    if not installed("accelerate"):  # Trainer needs it
        names = [name for name in names if not name.startswith(TRAINER)]
    rows: list[tuple[object, ...]] = []
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (full, vocabulary) in (CUDA if cuda else CPU).items():
            work, tokens = smaller(full, scale), Path(folder) / name
            work = dataclasses.replace(work, precision=precision)
            even = work.documents is None
            vocab_size, max_documents = (SMOKE_VOCABULARY, 2_000) if smoke else (vocabulary, None)
            mean = write_tokens(tokens, vocab_size, work.length, even, max_documents)
            if work.documents is not None:  # as many tokens a step as the peers have
                work = dataclasses.replace(work, rows=max(1, round(work.documents * mean / work.length)))
            groups = [[each] for each in names] if cuda else [names]  # a GPU is one contender's at a time
            costs = {peer: cost for group in groups for peer, cost in measured(group, work, tokens).items()}
            found, times = told(name, costs)
            rows += found
            figures[f"{name} tokens/s"] = spread(costs[OURS].rates).median
            figures |= {f"{name} over {peer}": of.median for peer, of in times.items() if peer != TRAINER}
            if cuda:
                figures[f"{name} mfu"] = utilisation(work, tokens, figures[f"{name} tokens/s"])
            if TRAINER in times:
                ratios[name] = times[TRAINER].median
            if IN_FP32[1] in costs:
                figures[f"{name} both fp32"] = over(costs[IN_FP32[0]], costs[IN_FP32[1]]).median
    if "mfu-causal" in ratios:  # the bar of this one is the share of the GPU that it uses
        figures["mfu-causal over Trainer"] = ratios.pop("mfu-causal")
    if cuda:
        figures["mfu-causal"] = figures.pop("mfu-causal mfu")
    second = "tokens/s" if cuda else "tokens/CPU-s"
    print_table(("work", "loop", second, "peak MiB", "ours is so many times as fast"), rows)
    print_result("pretrain", ratios, figures)


if __name__ == "__main__":
    main()
