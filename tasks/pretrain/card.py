"""The model card: what the model is, and which data made it."""

import json
from typing import Any

from tasks.pretrain.settings import Pretrain
from tasks.pretrain.summary import Line, outcome, table

Manifest = dict[str, Any]

# counts that depend on the data only; others may be times, which would make the same model differ
TOLD = ("pages", "documents", "kept", "dropped", "exact", "near", "characters", "languages", "tokens", "vocabulary")

USE = """```python
from transformers import AutoTokenizer, {opened}
model = {opened}.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```
"""


def model_card(settings: Pretrain, lines: list[Line], parameters: int, lineage: list[Manifest]) -> str:
    """README.md of the model, with the front matter that model hubs read."""
    task = "text-generation" if settings.architecture.causal else "fill-mask"
    opened = "AutoModelForCausalLM" if settings.architecture.causal else "AutoModelForMaskedLM"
    origins = [(m["stage"], m["key"], m["digest"], _told(m.get("counts", {}))) for m in lineage]
    return "\n".join(
        [
            f"---\nlibrary_name: transformers\npipeline_tag: {task}\ntags:\n- textmill\n---\n",
            f"# {settings.architecture.family} trained from random weights by Textmill\n",
            table(("what", "value"), outcome(settings, lines, parameters)),
            "## How to use it\n",
            USE.format(opened=opened),
            "## Where its text comes from\n",
            "Each line is an artifact that the next was made from; `textmill show KEY` tells more of it.\n",
            table(("stage", "key", "digest", "counts"), origins) if origins else "Not recorded.\n",
            "## Settings\n",
            f"```json\n{json.dumps(settings.semantic(), indent=1, sort_keys=True)}\n```\n",
        ]
    )


def _told(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(counts[name])}" for name in TOLD if name in counts)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(each)}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
