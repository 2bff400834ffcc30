"""The run on one page: a loss curve and a table."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tasks.pretrain.curve import as_image, loss_curve
from tasks.pretrain.divergence import SAID
from tasks.pretrain.settings import Pretrain

Line = dict[str, Any]
NONE: Mapping[str, float] = MappingProxyType({})


def outcome(
    settings: Pretrain, lines: list[Line], parameters: int, baselines: Mapping[str, float] = NONE
) -> list[tuple[str, str]]:
    """What the run was and what came of it, as rows of a table. No times: the same run gives the same bytes.

    `baselines` are validation losses of other models on the same tokens.
    """
    layers, width, heads = settings.architecture.shape
    judged = [line["validation_loss"] for line in lines if "validation_loss" in line]
    rows = [
        ("model", f"{settings.architecture.family}, {layers} layers, {width} wide, {heads} heads"),
        ("parameters", f"{parameters:,}"),
        ("objective", settings.objective.kind),
        ("steps", f"{len(lines):,}"),
        ("tokens", f"{lines[-1]['tokens']:,}"),
        ("first loss", f"{lines[0]['loss']:.3f}"),
        ("last loss", f"{lines[-1]['loss']:.3f}"),
    ]
    if judged:
        kept = min(judged) if settings.patience else judged[-1]
        rows += [("validation loss", f"{kept:.3f}"), ("validation perplexity", perplexity(kept))]
    rows += [(f"perplexity of {name}", perplexity(loss)) for name, loss in baselines.items()]
    rows += [(said, f"{lines[-1][name]}") for name, said in SAID.items() if name in lines[-1]]
    return rows


def perplexity(loss: float) -> str:
    """Among how many equally likely tokens a model is as unsure."""
    return f"{math.exp(min(loss, 50.0)):,.1f}"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A markdown table."""
    cells = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def curve(lines: list[Line]) -> str:
    """The losses as a picture."""
    judged = [(line["step"], line["validation_loss"]) for line in lines if "validation_loss" in line]
    return loss_curve([(line["step"], line["loss"]) for line in lines], judged)


def summary(settings: Pretrain, lines: list[Line], parameters: int, baselines: Mapping[str, float] = NONE) -> str:
    """Markdown of the whole."""
    picture = as_image(curve(lines), "training and validation loss over the steps")
    return f"{picture}\n\n{table(('what', 'value'), outcome(settings, lines, parameters, baselines))}"
