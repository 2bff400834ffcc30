"""The run on one page: its curves and a table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tasks.pretrain.schedules.divergence import SAID
from tasks.pretrain.settings import Pretrain
from tasks.svg_charts import BLUE, RED, Marks, Panel, Points, chart_as_image, render_chart, thin_points

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
        objective = settings.objective.chosen
        rows += [("validation loss", f"{kept:.3f}"), ("the loss is", objective.loss_description)]
        rows += [("validation perplexity", perplexity(kept))] if objective.has_perplexity else []
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


def curves(lines: Sequence[Line], speeds: Sequence[Line] = ()) -> str:
    """The losses, the learning rate, the gradient's norm and, if given, the throughput as one picture."""
    training, judged = series(lines, "loss"), series(lines, "validation_loss")
    return render_chart(
        [
            Panel("loss by step", [Marks("training", BLUE, training), Marks("validation", RED, judged, dots=True)]),
            Panel("learning rate, share of the highest", [Marks("", BLUE, series(lines, "learning_rate_factor"))]),
            Panel("norm of the gradient", [Marks("", BLUE, series(lines, "gradient_norm"))]),
            Panel("tokens a second", [Marks("", BLUE, series(speeds, "tokens_per_second"))]),
        ]
    )


def series(lines: Sequence[Line], name: str) -> Points:
    """What was measured by step, where it was."""
    return thin_points([(line["step"], line[name]) for line in lines if math.isfinite(line.get(name, math.inf))])


def summary(
    settings: Pretrain,
    lines: list[Line],
    parameters: int,
    baselines: Mapping[str, float] = NONE,
    speeds: Sequence[Line] = (),
) -> str:
    """Markdown of the whole."""
    image = chart_as_image(curves(lines, speeds), "loss, learning rate, gradient norm and throughput over the steps")
    rows = outcome(settings, lines, parameters, baselines)
    if speeds:
        rows += [
            ("tokens a second", f"{statistics.median(line['tokens_per_second'] for line in speeds):,.0f}"),
            ("model FLOPs utilisation", f"{statistics.median(line['mfu'] for line in speeds):.1%}"),
        ]
    return f"{image}\n\n{table(('what', 'value'), rows)}"
