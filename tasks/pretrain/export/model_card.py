"""The model card: a description of the model, and of the data that it was trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.pretrain.export.onnx_export import PortableModel
from tasks.pretrain.monitoring.metrics import StepMetrics
from tasks.pretrain.monitoring.summary import describe_outcome, render_curves
from tasks.pretrain.settings import Pretrain
from tasks.runtime.markdown import render_markdown_table
from tasks.svg_charts import chart_as_image

Manifest = dict[str, Any]


@dataclass(frozen=True)
class ModelDescription:
    """Facts about an exported model: by what it is opened, where it is listed, what it is compared with."""

    auto_class: str
    """the class of transformers that opens it"""
    task: str
    """the task that model hubs list it under"""
    library: str
    """the library that model hubs list it under"""
    environment: dict[str, str]
    """versions of the libraries that trained it"""
    baselines: dict[str, float]
    """validation losses of other models on the same tokens"""
    new_head: str = ""
    """a phrase on the head that the model which training began with had not; empty: it had one"""


# counts that depend on the data only; others may be times, which would make the same model differ
CARD_COUNTS = (
    "pages", "documents", "kept", "dropped", "exact", "near", "characters", "languages", "tokens", "vocabulary",
)  # fmt: skip

USAGE = """```python
from transformers import AutoTokenizer, {auto_class}
model = {auto_class}.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```
"""


def render_model_card(
    settings: Pretrain,
    records: list[StepMetrics],
    num_parameters: int,
    lineage: list[Manifest],
    description: ModelDescription,
    portable_models: Sequence[PortableModel] = (),
) -> str:
    """Render README.md of the model, with the front matter that model hubs read."""
    beginning = "another model" if settings.start_from.folder else "random weights"
    origins = [(m["stage"], m["key"], m["digest"], _format_counts(m.get("counts", {}))) for m in lineage]
    return "\n".join(
        [
            f"---\nlibrary_name: {description.library}\npipeline_tag: {description.task}\ntags:\n- textmill\n---\n",
            f"# {settings.architecture.family} trained from {beginning} by Textmill\n",
            *([f"The model that training began with has no {description.new_head}.\n"] if description.new_head else []),
            _render_table(
                ("what", "value"), describe_outcome(settings, records, num_parameters, description.baselines)
            ),
            chart_as_image(render_curves(records), "loss, learning rate and gradient norm over the steps") + "\n",
            "## How to use it\n",
            USAGE.format(auto_class=description.auto_class),
            *_render_portable_models(portable_models),
            "## Where its text comes from\n",
            "Each line is an artifact that the next was made from; `textmill show KEY` tells more of it.\n",
            _render_table(("stage", "key", "digest", "counts"), origins) if origins else "Not recorded.\n",
            *(
                _render_details(f"Settings of {m['stage']} {m['key']}", m["semantic"])
                for m in lineage
                if m.get("semantic")
            ),
            "## Settings\n",
            _render_json(settings.semantic()),
            "## Environment\n",
            _render_table(("what", "version"), sorted(description.environment.items())),
        ]
    )


def _render_portable_models(portable_models: Sequence[PortableModel]) -> list[str]:
    """List the files for other runtimes, and what is lost there."""
    if not portable_models:
        return []
    rows = [
        (
            portable.file,
            f"{portable.bytes / 1e6:,.1f} MB",
            "–" if portable.loss is None else f"{portable.loss:.4f}",
            f"{abs(portable.distance):.1e}",
        )
        for portable in portable_models
    ]
    words = (
        "The validation loss here is the cross entropy in nats with each text read alone; the distance is 1 − cosine "
        "of the outputs from those of model.safetensors.\n"
    )
    return ["## For other runtimes\n", _render_table(("file", "size", "validation loss", "distance"), rows), words]


def _render_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return render_markdown_table(head, rows, alignment="l") + "\n"


def _render_json(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)}\n```\n"


def _render_details(title: str, value: Any) -> str:
    return f"<details><summary>{title}</summary>\n\n{_render_json(value)}\n</details>\n"


def _format_counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_format_count(counts[name])}" for name in CARD_COUNTS if name in counts)


def _format_count(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_format_count(part)}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
