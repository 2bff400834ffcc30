"""What comes out: a transformers folder that opens without Textmill, the metrics, and the state to go on from."""

import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers import processors
from transformers import AutoTokenizer, GenerationConfig

from tasks.pretrain.card import model_card
from tasks.pretrain.events import write_events
from tasks.pretrain.loop import Training
from tasks.pretrain.summary import summary

Manifest = dict[str, Any]


def export(run: Training, tokenizer: Path, folder: Path, lineage: list[Manifest]) -> None:
    """Write the artifact's files to a fresh `folder`. The bytes depend on the run only."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.checkpoints.folder / f"{run.step:09d}", folder / "state")
    run.take_best()
    _save_model(run, folder)
    _save_tokenizer(run, tokenizer, folder)
    write_events(folder / "events", run.metrics.lines)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in run.metrics.lines))
    (folder / "README.md").write_text(model_card(run.settings, run.metrics.lines, parameters(run), lineage))
    (folder / "summary.md").write_text(summary(run.settings, run.metrics.lines, parameters(run)))


def parameters(run: Training) -> int:
    return sum(parameter.numel() for parameter in run.parameters)


def _save_model(run: Training, folder: Path) -> None:
    module = run.model.module
    if run.model.causal:
        module.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=True,
            top_p=0.95,
            bos_token_id=run.vocabulary.start,
            eos_token_id=run.vocabulary.end,
            pad_token_id=run.vocabulary.pad,
        )
    module.save_pretrained(folder)


def _save_tokenizer(run: Training, tokenizer: Path, folder: Path) -> None:
    opened = AutoTokenizer.from_pretrained(tokenizer)
    opened.model_max_length = run.settings.architecture.context
    # GPT-2 would take token types for further tokens and add their embeddings
    opened.model_input_names = ["input_ids", "attention_mask"]
    if run.model.causal:
        opened.backend_tokenizer.post_processor = _prompt(opened, run.rows.start)
    opened.save_pretrained(folder)


def _prompt(tokenizer: Any, start: int | None) -> processors.PostProcessor:
    """A prompt begins as the documents did in training, and stays open: behind <eos> there is nothing to go on with."""
    if start is None:
        return processors.Sequence([])
    text = tokenizer.convert_ids_to_tokens(start)
    return processors.TemplateProcessing(f"{text} $A", f"{text} $A $B", [(text, start)])
