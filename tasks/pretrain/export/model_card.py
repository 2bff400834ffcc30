"""The model card: what the model is, and which data made it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.pretrain.monitoring.summary import Line, curves, outcome, table
from tasks.pretrain.settings import Pretrain
from tasks.svg_charts import chart_as_image

if TYPE_CHECKING:
    from tasks.pretrain.export.onnx_export import Portable

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What an export is to those who open it."""

    opener: str
    """the class of transformers that opens it"""
    task: str
    """what model hubs list it under"""
    library: str
    environment: dict[str, str]
    """versions of what made it"""
    baselines: dict[str, float]
    """validation losses of other models on the same tokens"""


# counts that depend on the data only; others may be times, which would make the same model differ
TOLD = ("pages", "documents", "kept", "dropped", "exact", "near", "characters", "languages", "tokens", "vocabulary")

USE = """```python
from transformers import AutoTokenizer, {opened}
model = {opened}.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```
"""


def model_card(
    settings: Pretrain,
    lines: list[Line],
    parameters: int,
    lineage: list[Manifest],
    made: Made,
    portable: Sequence["Portable"] = (),
) -> str:
    """README.md of the model, with the front matter that model hubs read."""
    beginning = "another model" if settings.start_from.folder else "random weights"
    origins = [(m["stage"], m["key"], m["digest"], _told(m.get("counts", {}))) for m in lineage]
    return "\n".join(
        [
            f"---\nlibrary_name: {made.library}\npipeline_tag: {made.task}\ntags:\n- textmill\n---\n",
            f"# {settings.architecture.family} trained from {beginning} by Textmill\n",
            table(("what", "value"), outcome(settings, lines, parameters, made.baselines)),
            chart_as_image(curves(lines), "loss, learning rate and gradient norm over the steps") + "\n",
            "## How to use it\n",
            USE.format(opened=made.opener),
            *_files(portable),
            "## Where its text comes from\n",
            "Each line is an artifact that the next was made from; `textmill show KEY` tells more of it.\n",
            table(("stage", "key", "digest", "counts"), origins) if origins else "Not recorded.\n",
            *(_details(f"Settings of {m['stage']} {m['key']}", m["semantic"]) for m in lineage if m.get("semantic")),
            "## Settings\n",
            _json(settings.semantic()),
            "## Environment\n",
            table(("what", "version"), sorted(made.environment.items())),
        ]
    )


def _files(portable: Sequence["Portable"]) -> list[str]:
    """What other runtimes can open, and what is lost there."""
    if not portable:
        return []
    rows = [
        (
            each.file,
            f"{each.bytes / 1e6:,.1f} MB",
            "–" if each.loss is None else f"{each.loss:.4f}",
            f"{abs(each.distance):.1e}",
        )
        for each in portable
    ]
    words = (
        "The validation loss here is the cross entropy in nats with each text read alone; the distance is 1 − cosine "
        "of the outputs from those of model.safetensors.\n"
    )
    return ["## For other runtimes\n", table(("file", "size", "validation loss", "distance"), rows), words]


def _json(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)}\n```\n"


def _details(title: str, value: Any) -> str:
    return f"<details><summary>{title}</summary>\n\n{_json(value)}\n</details>\n"


def _told(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(counts[name])}" for name in TOLD if name in counts)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(each)}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
