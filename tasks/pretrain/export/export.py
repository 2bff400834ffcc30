"""What comes out: a transformers folder that opens without Textmill, the metrics, and the state to go on from."""

import json
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedModel

from tasks.pretrain.baselines.kneser_ney import compute_trigram_loss
from tasks.pretrain.baselines.lstm import compute_lstm_loss
from tasks.pretrain.export.hub_files import describe_embedding, generation, opener, prompt
from tasks.pretrain.export.model_card import Made, model_card
from tasks.pretrain.export.onnx_export import write_portable
from tasks.pretrain.monitoring.summary import Line, summary
from tasks.pretrain.monitoring.tensorboard_events import write_events
from tasks.pretrain.objectives._contrastive import Contrastive
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.training.loop import Training

Manifest = dict[str, Any]


def export(run: Training, tokenizer: Path, folder: Path, lineage: list[Manifest], speeds: Sequence[Line] = ()) -> None:
    """Write the artifact's files to a fresh `folder`. `speeds` are told where they enter no digest."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.checkpoints.folder / f"{run.step:09d}", folder / "state")
    run.take_final()
    module = run.objective.export_model(run.learner)
    _save_model(run, module, folder)
    _save_tokenizer(run, tokenizer, folder)
    portable = write_portable(run, folder)
    write_events(folder / "events", run.metrics.lines)
    lines = run.metrics.lines
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "speed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in speeds))
    made = _made(run, module)
    card = model_card(run.settings, lines, parameters(run), lineage, made, portable)
    (folder / "README.md").write_text(card, encoding="utf-8")
    (folder / "summary.md").write_text(summary(run.settings, lines, parameters(run), made.baselines, speeds))


def parameters(run: Training) -> int:
    return sum(parameter.numel() for parameter in run.gradients.parameters)


def _made(run: Training, module: PreTrainedModel) -> Made:
    environment = {name: version(name) for name in ("torch", "transformers", "tokenizers")}
    environment |= {"python": platform.python_version(), "precision": run.hardware.precision}
    name, task = opener(module)
    if isinstance(run.objective, Contrastive):
        return Made(name, "sentence-similarity", "sentence-transformers", environment, {})
    return Made(name, task, "transformers", environment, _baselines(run))


def _baselines(run: Training) -> dict[str, float]:
    """Only what guesses each next token has a perplexity to compare with."""
    if not isinstance(run.objective, Causal) or run.objective.fim_rate:
        return {}
    found = {"a trigram model": compute_trigram_loss(run.corpus, run.first_slot)}
    if run.settings.lstm:
        found["an LSTM"] = compute_lstm_loss(run.settings, run.corpus, run.hardware)
    return {name: loss for name, loss in found.items() if loss is not None}


def _save_model(run: Training, module: PreTrainedModel, folder: Path) -> None:
    if module.can_generate():
        module.generation_config = generation(module, run.vocabulary, run.settings.architecture.max_length)
    module.save_pretrained(folder)
    if isinstance(run.objective, Contrastive):
        describe_embedding(folder, module.config.hidden_size, run.settings.architecture.max_length)


def _save_tokenizer(run: Training, tokenizer: Path, folder: Path) -> None:
    opened = AutoTokenizer.from_pretrained(tokenizer)
    opened.model_max_length = run.settings.architecture.max_length
    # GPT-2 would take token types for further tokens and add their embeddings
    opened.model_input_names = ["input_ids", "attention_mask"]
    if run.model.model_kind == "decoder":
        opened.backend_tokenizer.post_processor = prompt(opened, run.corpus.start)
    opened.save_pretrained(folder)
