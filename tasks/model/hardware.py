"""The hardware that a process runs on: detected, and overridden by the environment.

Never by settings: settings say what is computed and enter keys; the hardware is only where.

`TEXTMILL_DEVICE` (cpu, cuda, cuda:1), `TEXTMILL_PRECISION` (fp32, tf32, bf16), `TEXTMILL_THREADS`,
`TEXTMILL_ACTIVATIONS` (keep; recompute: a third more work, much less memory, the same result),
`TEXTMILL_PARALLEL` (replicate: DDP; shard: FSDP2, each rank holds a part of the weights),
`TEXTMILL_ATTENTION` (sdpa; varlen: FlashAttention within documents), `TEXTMILL_COMPILE` (yes, no: torch.compile).
"""

import ctypes
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from tasks.errors import StageFailure

if TYPE_CHECKING:  # transformers takes seconds to import, and nothing of it is called here
    from transformers import PreTrainedModel

# parameters of mallopt, from malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
PRECISIONS = ("fp32", "tf32", "bf16")
ACTIVATIONS = ("keep", "recompute")
ATTENTIONS = ("sdpa", "varlen")
COMPILE = ("no", "yes")
PARALLEL = ("replicate", "shard")


@dataclass(frozen=True)
class Hardware:
    """The device, the precision of its matrix products, the CPU threads, and how models run on them."""

    # The names of the fields are stored in checkpoints and counts: renaming one changes files.
    device: str
    precision: str
    threads: int
    activations: str = "keep"
    attention: str = "sdpa"
    compiles: bool = False
    parallel: str = "replicate"

    def enable_recomputation(self, model: "PreTrainedModel") -> None:
        """Let the backward pass recompute each layer's activations instead of keeping them, if so configured."""
        if self.activations == "recompute":
            # transformers 5.23 renamed the method
            enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
            # The reentrant variant needs an input that requires gradients, and fails with frozen embeddings.
            enable({"use_reentrant": False})

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context with matrix products in bf16 if that is the precision; weights and sums stay in float32."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def configure_process(self) -> None:
        """Set the device, threads, matrix precision and memory reuse of this process."""
        _keep_freed_memory()
        if torch.device(self.device).index is not None:
            torch.cuda.set_device(self.device)  # libraries that ask for plain "cuda", such as NCCL, get this one
        torch.set_num_threads(self.threads)
        # "high" is TF32 on a GPU; with bf16 it concerns what autocast leaves in float32.
        torch.set_float32_matmul_precision("highest" if self.precision == "fp32" else "high")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, as they are stored in counts and checkpoints."""
        return asdict(self)


def detect_hardware() -> Hardware:
    """Detect the hardware of this process. Raises StageFailure for a device or a precision that it does not have."""
    device = os.environ.get("TEXTMILL_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise StageFailure(f"TEXTMILL_DEVICE is {device}, and torch sees no GPU", "Unset it, or repair the driver")
    if device != "cpu" and not device.startswith("cuda"):
        raise StageFailure(f"TEXTMILL_DEVICE is {device!r}", "Set it to cpu, cuda or cuda:NUMBER")
    if device == "cuda" and "LOCAL_RANK" in os.environ:  # set by torchrun: one GPU a rank
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    precision = _read_choice("TEXTMILL_PRECISION", PRECISIONS) or _default_precision(device)
    attention = _read_choice("TEXTMILL_ATTENTION", ATTENTIONS) or _default_attention(device, precision)
    if attention == "varlen" and _default_attention(device, precision) != "varlen":
        raise StageFailure(
            f"TEXTMILL_ATTENTION is varlen, which needs bf16 on a GPU from Ampere on, not {precision} on {device}",
            "Unset it",
        )
    parallel = _read_choice("TEXTMILL_PARALLEL", PARALLEL) or "replicate"
    # A CPU gains nothing from compilation, and gathering a layer's weights breaks the compiled graph.
    is_eager = device == "cpu" or parallel == "shard"
    compiles = (_read_choice("TEXTMILL_COMPILE", COMPILE) or ("no" if is_eager else "yes")) == "yes"
    activations = _read_choice("TEXTMILL_ACTIVATIONS", ACTIVATIONS) or "keep"
    return Hardware(device, precision, _count_threads(), activations, attention, compiles, parallel)


def _read_choice(name: str, allowed: tuple[str, ...]) -> str | None:
    """Read a choice from the environment; None if it is not set. Raises StageFailure for another value."""
    value = os.environ.get(name)
    if value and value not in allowed:
        raise StageFailure(f"{name} is {value!r}", f"Set it to one of {', '.join(allowed)}")
    return value or None


def _default_attention(device: str, precision: str) -> str:
    can_use_varlen = device != "cpu" and precision == "bf16" and torch.cuda.get_device_capability(device) >= (8, 0)
    return "varlen" if can_use_varlen else "sdpa"


def _default_precision(device: str) -> str:
    """Choose bf16 only where it is fast: a CPU needs 13 to 16 times as long without bf16 units, half with them."""
    if device == "cpu":
        return "bf16" if has_bf16_units() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "tf32"


def has_bf16_units() -> bool:
    """Tell whether the CPU has units for bf16 products."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in torch 2.11
    return any(capabilities.get(unit, False) for unit in ("amx_bf16", "avx512_bf16"))


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory: asking the kernel for every large tensor again costs a fifth of the speed."""
    # None opens the process itself, and with it the libc that is in use. Not every libc has mallopt.
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            library.mallopt(option, 1 << 30)
        library.mallopt(M_TOP_PAD, 64 << 20)


def _count_threads() -> int:
    # The affinity and not the number of cores: a container or taskset may allow fewer. Shared by the ranks of this
    # machine.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _read_count("TEXTMILL_THREADS") or max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def count_ranks() -> int:
    """Return the number of processes that share a run on this machine.

    `TEXTMILL_RANKS`, else one a GPU, or 1 where `TEXTMILL_DEVICE` names a device.
    """
    is_any_gpu = os.environ.get("TEXTMILL_DEVICE", "cuda") == "cuda"
    return _read_count("TEXTMILL_RANKS") or (max(1, torch.cuda.device_count()) if is_any_gpu else 1)


def _read_count(name: str) -> int | None:
    """Read a positive integer from the environment; None if it is not set. Raises StageFailure for anything else."""
    value = os.environ.get(name)
    if value is not None and (not value.isdigit() or int(value) < 1):
        raise StageFailure(f"{name} is {value!r}", "Set it to a whole number of at least 1")
    return None if value is None else int(value)
