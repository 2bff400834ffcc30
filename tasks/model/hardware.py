"""Where the work runs, found by looking; overridden by the environment, never by settings: it is *where*, not *what*.

`TEXTMILL_DEVICE` (cpu, cuda, cuda:1), `TEXTMILL_PRECISION` (fp32, tf32, bf16), `TEXTMILL_THREADS`,
`TEXTMILL_ACTIVATIONS` (keep; recompute: a third more work for much less memory, and the same result),
`TEXTMILL_PARALLEL` (replicate: DDP; shard: FSDP2, of several ranks each holds a part of the weights),
`TEXTMILL_ATTENTION` (sdpa; varlen: FlashAttention within documents), `TEXTMILL_COMPILE` (yes, no: torch.compile).
"""

import ctypes
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from tasks.errors import StageFailure

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# numbers of malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
PRECISIONS = ("fp32", "tf32", "bf16")
ACTIVATIONS = ("keep", "recompute")
ATTENTIONS = ("sdpa", "varlen")
COMPILE = ("no", "yes")
PARALLEL = ("replicate", "shard")


@dataclass(frozen=True)
class Hardware:
    """The device, the precision of its matrix products, and the CPU threads."""

    device: str
    precision: str
    threads: int
    activations: str = "keep"
    attention: str = "sdpa"
    compiles: bool = False
    parallel: str = "replicate"

    def spare_memory(self, model: "PreTrainedModel") -> None:
        """Let the backward pass make each layer's activations anew, where that is wished, so that none are kept."""
        if self.activations == "recompute":
            # transformers 5.23 renamed it
            enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
            enable({"use_reentrant": False})

    def autocast(self) -> AbstractContextManager[Any]:
        """Matrix products in bf16 where that is the precision; weights and sums stay in float32."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def apply(self) -> None:
        """Set threads, matrix precision and memory reuse of this process."""
        _keep_freed_memory()
        if torch.device(self.device).index is not None:
            torch.cuda.set_device(self.device)  # what asks for "cuda", as NCCL does, then gets this one
        torch.set_num_threads(self.threads)
        torch.set_float32_matmul_precision("highest" if self.precision == "fp32" else "high")

    def as_counts(self) -> dict[str, Any]:
        return asdict(self)


def probe() -> Hardware:
    """The hardware of this process. Raises StageFailure for a device or a precision that is not there."""
    device = os.environ.get("TEXTMILL_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise StageFailure(f"TEXTMILL_DEVICE is {device}, and torch sees no GPU", "Unset it, or mend the driver")
    if device != "cpu" and not device.startswith("cuda"):
        raise StageFailure(f"TEXTMILL_DEVICE is {device!r}", "Set it to cpu, cuda or cuda:NUMBER")
    if device == "cuda" and "LOCAL_RANK" in os.environ:  # of torchrun: a GPU each
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    precision = _chosen("TEXTMILL_PRECISION", PRECISIONS) or _precision(device)
    attention = _chosen("TEXTMILL_ATTENTION", ATTENTIONS) or _attention(device, precision)
    if attention == "varlen" and _attention(device, precision) != "varlen":
        raise StageFailure(
            f"TEXTMILL_ATTENTION is varlen, which needs bf16 on a GPU from Ampere on, not {precision} on {device}",
            "Unset it",
        )
    parallel = _chosen("TEXTMILL_PARALLEL", PARALLEL) or "replicate"
    # a CPU gains nothing by it, and gathering a layer's weights interrupts what is compiled
    plain = device == "cpu" or parallel == "shard"
    compiles = (_chosen("TEXTMILL_COMPILE", COMPILE) or ("no" if plain else "yes")) == "yes"
    activations = _chosen("TEXTMILL_ACTIVATIONS", ACTIVATIONS) or "keep"
    return Hardware(device, precision, _threads(), activations, attention, compiles, parallel)


def _chosen(name: str, allowed: tuple[str, ...]) -> str | None:
    """What the environment asks for, if anything."""
    value = os.environ.get(name)
    if value and value not in allowed:
        raise StageFailure(f"{name} is {value!r}", f"Set it to one of {', '.join(allowed)}")
    return value or None


def _attention(device: str, precision: str) -> str:
    there = device != "cpu" and precision == "bf16" and torch.cuda.get_device_capability(device) >= (8, 0)
    return "varlen" if there else "sdpa"


def _precision(device: str) -> str:
    """bf16 only where it is fast: a CPU without bf16 units takes 13 to 16 times longer with it, one with them half."""
    if device == "cpu":
        return "bf16" if cpu_multiplies_bf16() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "tf32"


def cpu_multiplies_bf16() -> bool:
    """Whether the CPU has units for bf16 products."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in torch 2.11
    return any(capabilities.get(unit, False) for unit in ("amx_bf16", "avx512_bf16"))


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed: asking the kernel for each large tensor anew costs a fifth of the speed."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            library.mallopt(option, 1 << 30)
        library.mallopt(M_TOP_PAD, 64 << 20)


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _wished("TEXTMILL_THREADS") or max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def num_ranks() -> int:
    """Processes that share a run on this machine: `TEXTMILL_RANKS`, else one a GPU unless the device is named."""
    free = os.environ.get("TEXTMILL_DEVICE", "cuda") == "cuda"
    return _wished("TEXTMILL_RANKS") or (max(1, torch.cuda.device_count()) if free else 1)


def _wished(name: str) -> int | None:
    wish = os.environ.get(name)
    if wish is not None and (not wish.isdigit() or int(wish) < 1):
        raise StageFailure(f"{name} is {wish!r}", "Set it to a whole number of at least 1")
    return None if wish is None else int(wish)
