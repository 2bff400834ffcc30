"""A run on one page: its curves and a table."""

import math
import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tasks.pretrain.monitoring.metrics import StepMetrics
from tasks.pretrain.schedules.divergence import ANOMALY_LABELS
from tasks.pretrain.settings import Pretrain
from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import BLUE, RED, Marks, Panel, Points, chart_as_image, render_chart, thin_points

NO_BASELINES: Mapping[str, float] = MappingProxyType({})


def describe_outcome(
    settings: Pretrain, records: list[StepMetrics], num_parameters: int, baselines: Mapping[str, float] = NO_BASELINES
) -> list[tuple[str, str]]:
    """Describe the run and its result as rows of a table. No times: the same run gives the same bytes.

    `baselines` are validation losses of other models on the same tokens.
    """
    layers, width, heads = settings.architecture.shape
    validation_losses = [record["validation_loss"] for record in records if "validation_loss" in record]
    rows = [
        ("model", f"{settings.architecture.family}, {layers} layers, {width} wide, {heads} heads"),
        ("parameters", f"{num_parameters:,}"),
        ("objective", settings.objective.kind),
        ("steps", f"{len(records):,}"),
        ("tokens", f"{records[-1]['tokens']:,}"),
        ("first loss", f"{records[0]['loss']:.3f}"),
        ("last loss", f"{records[-1]['loss']:.3f}"),
    ]
    if validation_losses:
        final_loss = min(validation_losses) if settings.patience else validation_losses[-1]
        objective = settings.objective.chosen
        rows += [("validation loss", f"{final_loss:.3f}"), ("the loss is", objective.loss_description)]
        rows += [("validation perplexity", format_perplexity(final_loss))] if objective.has_perplexity else []
    rows += [(f"perplexity of {name}", format_perplexity(loss)) for name, loss in baselines.items()]
    rows += [(label, f"{records[-1][name]}") for name, label in ANOMALY_LABELS.items() if name in records[-1]]
    return rows


def format_perplexity(loss: float) -> str:
    """Render the perplexity of a loss in nats: among so many equally likely tokens a model would be as unsure."""
    # Limited, as exp overflows a double above 709.
    return f"{math.exp(min(loss, 50.0)):,.1f}"


def render_curves(records: Sequence[StepMetrics], speeds: Sequence[StepMetrics] = ()) -> str:
    """Draw the losses, the learning rate, the gradient norm and, if given, the throughput as one SVG."""
    training, validation = select_points(records, "loss"), select_points(records, "validation_loss")
    return render_chart(
        [
            Panel("loss by step", [Marks("training", BLUE, training), Marks("validation", RED, validation, dots=True)]),
            Panel(
                "learning rate, share of the highest", [Marks("", BLUE, select_points(records, "learning_rate_factor"))]
            ),
            Panel("norm of the gradient", [Marks("", BLUE, select_points(records, "gradient_norm"))]),
            Panel("tokens a second", [Marks("", BLUE, select_points(speeds, "tokens_per_second"))]),
        ]
    )


def select_points(records: Sequence[StepMetrics], name: str) -> Points:
    """Return the finite values of a metric by step, where it was measured."""
    return thin_points(
        [(record["step"], record[name]) for record in records if math.isfinite(record.get(name, math.inf))]
    )


def render_summary(
    settings: Pretrain,
    records: list[StepMetrics],
    num_parameters: int,
    baselines: Mapping[str, float] = NO_BASELINES,
    speeds: Sequence[StepMetrics] = (),
) -> str:
    """Render the summary page as Markdown."""
    image = chart_as_image(
        render_curves(records, speeds), "loss, learning rate, gradient norm and throughput over the steps"
    )
    rows = describe_outcome(settings, records, num_parameters, baselines)
    if speeds:
        rows += [
            ("tokens a second", f"{statistics.median(record['tokens_per_second'] for record in speeds):,.0f}"),
            ("model FLOPs utilisation", f"{statistics.median(record['mfu'] for record in speeds):.1%}"),
        ]
    return f"{image}\n\n{render_markdown_table(('what', 'value'), rows, alignment='l')}\n"
