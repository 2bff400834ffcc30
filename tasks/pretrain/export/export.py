"""Writes the artifact: a transformers folder that opens without Textmill, the metrics, and the state to resume from."""

import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedModel

from tasks.model.load_from_folder import load_from_folder
from tasks.pretrain.baselines.kneser_ney import compute_trigram_loss
from tasks.pretrain.baselines.lstm import compute_lstm_loss
from tasks.pretrain.export.hub_files import (
    build_generation_config,
    build_prompt_template,
    find_auto_class,
    write_embedder_files,
)
from tasks.pretrain.export.model_card import ModelDescription, render_model_card
from tasks.pretrain.export.onnx_export import export_portable_models
from tasks.pretrain.monitoring.metrics import StepMetrics, write_metrics
from tasks.pretrain.monitoring.summary import render_summary
from tasks.pretrain.monitoring.tensorboard_events import export_events
from tasks.pretrain.objectives._contrastive import Contrastive
from tasks.pretrain.objectives.causal import Causal
from tasks.pretrain.training.loop import Training, describe_new_head

Manifest = dict[str, Any]


def export_model(
    run: Training, tokenizer: Path, folder: Path, lineage: list[Manifest], speeds: Sequence[StepMetrics] = ()
) -> None:
    """Write the artifact's files to a new `folder`. `speeds` go only into files that are not part of the digest."""
    shutil.rmtree(folder, ignore_errors=True)
    # the state to resume from is that of the last step, also where the exported weights are better ones or averages
    shutil.copytree(run.checkpoints.folder_of(run.progress.step), folder / "state")
    # From here on the run's weights are those that are exported; the checkpoint was copied before.
    run.checkpointer.load_final_weights()
    module = run.objective.export_model(run.learner)
    _save_model(run, module, folder)
    _save_tokenizer(run, tokenizer, folder)
    portable_models = export_portable_models(run, folder)
    records, num_parameters = run.metrics.records, count_parameters(run)
    export_events(folder / "events", records)
    write_metrics(folder / "metrics.jsonl", records)
    write_metrics(folder / "speed.jsonl", speeds)
    description = _describe_export(run, module)
    card = render_model_card(run.settings, records, num_parameters, lineage, description, portable_models)
    (folder / "README.md").write_text(card, encoding="utf-8")
    summary = render_summary(run.settings, records, num_parameters, description.baselines, speeds)
    (folder / "summary.md").write_text(summary)


def count_parameters(run: Training) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in run.gradients.parameters)


def _describe_export(run: Training, module: PreTrainedModel) -> ModelDescription:
    environment = {name: version(name) for name in ("torch", "transformers", "tokenizers")}
    environment |= {"python": platform.python_version(), "precision": run.hardware.precision}
    auto_class, task = find_auto_class(module)
    if isinstance(run.objective, Contrastive):
        return ModelDescription(auto_class, "sentence-similarity", "sentence-transformers", environment, {})
    new_head = describe_new_head(run.new_head) if run.new_head else ""
    return ModelDescription(auto_class, task, "transformers", environment, _compute_baselines(run), new_head)


def _compute_baselines(run: Training) -> dict[str, float]:
    """Compute the validation losses of other models; only one that predicts each next token compares with them."""
    # Both baselines predict next tokens of the original order.
    if not isinstance(run.objective, Causal) or run.objective.fim_rate:
        return {}
    losses = {"a trigram model": compute_trigram_loss(run.data, run.next_sample)}
    if run.settings.lstm_baseline:
        losses["an LSTM"] = compute_lstm_loss(run.settings, run.data, run.hardware)
    return {name: loss for name, loss in losses.items() if loss is not None}


def _save_model(run: Training, module: PreTrainedModel, folder: Path) -> None:
    context = run.settings.architecture.max_length
    if module.can_generate():
        module.generation_config = build_generation_config(module, run.vocabulary, context)
    module.save_pretrained(folder)
    if isinstance(run.objective, Contrastive):
        write_embedder_files(folder, module.config.hidden_size, context)


def _save_tokenizer(run: Training, folder: Path, target: Path) -> None:
    tokenizer = load_from_folder(AutoTokenizer, folder)
    tokenizer.model_max_length = run.settings.architecture.max_length
    # GPT-2 would take token types for further tokens and add their embeddings
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    if run.model.model_kind == "decoder":
        tokenizer.backend_tokenizer.post_processor = build_prompt_template(tokenizer, run.data.start)
    tokenizer.save_pretrained(target)
