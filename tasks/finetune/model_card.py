"""The model card of a fine-tuned model: how it is used, its score, its data, and where all of it comes from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.downstream.data.contamination import TextOverlap
from tasks.downstream.kept_models.record import KeptRecord
from tasks.downstream.task_types import load_task_type
from tasks.runtime.markdown import render_markdown_table

PIPELINE_TAGS = {
    "classes": "text-classification",
    "relations": "text-classification",
    "numbers": "text-classification",
    "tags": "token-classification",
    "answers": "question-answering",
}
"""Type of a task → the task that model hubs list its model under; text generation depends on the model"""

PIPELINE_USAGE = """```python
from transformers import pipeline
answer = pipeline("{tag}", "this folder")
answer({example}{options})
```
"""
ANSWER_USAGE = """```python
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("this folder")
model = AutoModelForQuestionAnswering.from_pretrained("this folder").eval()
inputs = tokenizer("a question", "a text", truncation="only_second", return_tensors="pt")
with torch.no_grad():
    outputs = model(**inputs)
start, end = int(outputs.start_logits.argmax()), int(outputs.end_logits.argmax())
tokenizer.decode(inputs["input_ids"][0, start : end + 1])
```
"""
GENERATION_USAGE = """```python
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("this folder")
model = AutoModelForSeq2SeqLM.from_pretrained("this folder").eval()
inputs = tokenizer("a text", truncation=True, return_tensors="pt")
tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True)
```
"""
PEFT_USAGE = """The LoRA alone, for the model that it was trained on, is in `peft/`:
`PeftModel.from_pretrained(MODEL, "this folder/peft")`.
"""


def render_model_card(
    record: KeptRecord,
    overlap: dict[str, TextOverlap],
    lineage: Sequence[dict[str, Any]],
    begins_with: str,
    config_file: Path,
) -> str:
    """Render README.md, with the front matter that model hubs read. `begins_with` names a model of others."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    tag = PIPELINE_TAGS.get(record.kind) or ("text2text-generation" if is_two_stacks(config) else "text-generation")
    parts = [
        f"---\nlibrary_name: transformers\npipeline_tag: {tag}\ntags:\n- textmill\n---\n",
        f"# {record.task}: {', '.join(config.get('architectures') or [])} fine-tuned by Textmill\n",
        f"{record.about}\n",
        render_usage(record, tag),
        *([PEFT_USAGE] if record.finetuning.method.kind == "lora" else []),
        "## Scores on the test part\n",
        render_scores(record),
        render_training(record),
        *([render_names(record)] if record.names else []),
        "## Overlap with the pretraining text\n",
        render_overlap(overlap),
        "## Where it comes from\n",
        render_lineage(lineage, begins_with),
        "## Settings of fine-tuning\n",
        f"```json\n{json.dumps(record.finetuning.semantic(), indent=1, sort_keys=True, ensure_ascii=False)}\n```\n",
    ]
    return "\n".join(parts)


def is_two_stacks(config: dict[str, Any]) -> bool:
    """Tell whether a configuration is of an encoder–decoder."""
    return bool(config.get("is_encoder_decoder"))


def render_usage(record: KeptRecord, tag: str) -> str:
    """Render the lines of Python that use the model, without Textmill."""
    if record.kind == "answers":
        return ANSWER_USAGE
    if tag == "text2text-generation":
        return GENERATION_USAGE
    example = '{"text": "a text", "text_pair": "a second text"}' if record.has_pairs else '"a text"'
    if record.kind == "relations":
        example = '"a text in which signs mark @ the first span @ and # the second #"'
    # a token classifier reads long texts as they are, and a generator's settings are in the folder
    options = ", truncation=True" if tag == "text-classification" else ""
    if tag == "text-generation":
        options = ", return_full_text=False"
    return PIPELINE_USAGE.format(tag=tag, example=example, options=options)


def render_scores(record: KeptRecord) -> str:
    """Render a table with a row for the model and each baseline, and a column for each metric."""
    task_type = load_task_type(record.make_empty_task())
    titles = [task_type.metric_titles.get(metric, metric) for metric in record.metrics]
    models = list(dict.fromkeys(score.model for score in record.scores))
    cells = {
        (score.model, score.metric): f"{score.value:.4f} ({score.low:.4f} … {score.high:.4f})"
        for score in record.scores
    }
    rows = [(model_title(record, model), *(cells[model, metric] for metric in record.metrics)) for model in models]
    return render_markdown_table(("model", *titles), rows, alignment="l") + "\nIn brackets: the 95 % interval.\n"


def render_training(record: KeptRecord) -> str:
    """Render the numbers of examples, and what was chosen on validation."""
    counts = ", ".join(f"{part} {count:,}" for part, count in record.examples.items())
    return (
        f"Examples: {counts}. Learning rate {record.learning_rate:g}, chosen on validation, where the model scores "
        f"{record.validation:.4f}; seed {record.seed}.\n"
    )


def model_title(record: KeptRecord, model: str) -> str:
    """Return the name of a row: this model, or the baseline's."""
    return "**this model**" if model == record.model else f"baseline: {model}"


def render_names(record: KeptRecord) -> str:
    """Render the classes or tags, in the order of the outputs."""
    return f"Labels, in the order of the outputs: {', '.join(record.names)}.\n"


def render_overlap(overlap: dict[str, TextOverlap]) -> str:
    """Render how many test texts share a run of 13 tokens with the pretraining text."""
    if not overlap:
        return "Not known: the model's pretraining text is not in the store.\n"
    return (
        "\n".join(
            f"- {name}: {counts.overlapping:,} of {counts.texts:,} test texts share 13 tokens in a row with the "
            f"pretraining text; {counts.short:,} are too short to tell."
            for name, counts in overlap.items()
        )
        + "\n"
    )


def render_lineage(lineage: Sequence[dict[str, Any]], begins_with: str) -> str:
    """Render the artifacts that the model was made from, the pages first."""
    rows = [(manifest["stage"], manifest["key"], manifest["digest"]) for manifest in lineage]
    words = f"Fine-tuning began with {begins_with}, which is not of the store.\n" if begins_with else ""
    table = render_markdown_table(("stage", "key", "digest"), rows, alignment="l") + "\n" if rows else ""
    return words + table + ("`textmill lineage KEY` lists the pages behind each.\n" if rows else "")


def render_summary(record: KeptRecord) -> str:
    """Render the summary for the Prefect UI."""
    return f"# {record.task}\n\n{record.about}\n\n{render_scores(record)}"
