"""Writes a fitted model as a folder of transformers, with a LoRA's own weights as a folder of peft beside it."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tasks.downstream.heads import TaskModel
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.models.stock_tokenizer import StockTokenizer
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.stock_heads import StockModel
from tasks.errors import StageFailure

UNKEPT_METHODS = {
    "adapter": "whose layers no class of transformers has",
    "prefix": "whose keys and values no class of transformers has",
    "prompt": "whose prompt no class of transformers has",
}
PEFT_FOLDER = "peft"
PEFT_TASKS = {
    "classes": "SEQ_CLS",
    "relations": "SEQ_CLS",
    "numbers": "SEQ_CLS",
    "tags": "TOKEN_CLS",
    "answers": "QUESTION_ANS",
}
"""Type of a task → peft's name for it; of text generation it depends on the model"""


def check_can_be_kept(finetuning: FineTuning) -> None:
    """Raise StageFailure for an adaptation method whose weights fit in no class of transformers."""
    kind = finetuning.method.kind
    if kind in UNKEPT_METHODS:
        raise StageFailure(
            f"a model of the method {kind}, {UNKEPT_METHODS[kind]}, would not open without Textmill",
            "Choose another finetune.finetuning.method.kind, such as lora",
        )


def save_model(model: TaskModel, checkpoint: Path, folder: Path) -> None:
    """Write a fitted model into a folder. A LoRA is written to `peft/`, and merged into the weights.

    The model is changed by it, and gives the same answers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, StockModel):
        model.finish_training()
        module, tokenizer = model.stock, model.tokenizer
    elif isinstance(model, TextGenerationModel):
        module, tokenizer = model.generator.body, prepare_generation(model, checkpoint)
    else:
        raise TypeError(f"{type(model).__name__} has no form that opens without Textmill")
    layers = list_lora_layers(module)
    if layers:
        write_peft_folder(model, module, layers, folder / PEFT_FOLDER)
        merge_lora(module, layers)
    module.save_pretrained(folder)
    tokenizer.save(folder)


def prepare_generation(model: TextGenerationModel, checkpoint: Path) -> StockTokenizer:
    """Let stock code generate as we do: the same end of a source, the same lengths and beams, no sampling."""
    generator = model.generator
    tokenizer = StockTokenizer(checkpoint, model.max_source_length, ends_texts=True)
    settings = generator.body.generation_config
    settings.update(
        max_new_tokens=model.max_target_length, num_beams=model.finetuning.num_beams, do_sample=False, use_cache=True
    )
    generator.body.config.use_cache = True
    return tokenizer


def list_lora_layers(module: nn.Module) -> dict[str, Any]:
    """Return the layers that have a LoRA, by name."""
    return {name: layer for name, layer in module.named_modules() if hasattr(layer, "lora_A") and len(layer.lora_A)}


@torch.no_grad()
def merge_lora(module: nn.Module, layers: dict[str, Any]) -> None:
    """Add each LoRA to the weights that it stands beside, and put the plain layer in its place."""
    for name, layer in layers.items():
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(module.get_submodule(parent), child, layer.get_base_layer())
    module.requires_grad_(True)


def write_peft_folder(
    model: StockModel | TextGenerationModel, module: Any, layers: dict[str, Any], folder: Path
) -> None:
    """Write LoRA's matrices, and the weights of the head, in the format of the package peft."""
    from peft import LoraConfig  # noqa: PLC0415 - an optional extra, which is there when a LoRA is

    folder.mkdir(parents=True, exist_ok=True)
    prefix = "base_model.model"
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        (adapter,) = layer.lora_A
        tensors[f"{prefix}.{name}.lora_A.weight"] = layer.lora_A[adapter].weight
        tensors[f"{prefix}.{name}.lora_B.weight"] = layer.lora_B[adapter].weight
    others = {
        name: weight
        for name, weight in module.named_parameters()
        if weight.requires_grad and not any(name.startswith(f"{layer}.") for layer in layers)
    }
    tensors |= {f"{prefix}.{name}": weight for name, weight in others.items()}
    method: Any = model.finetuning.method.chosen
    config = LoraConfig(
        task_type=PEFT_TASKS.get(model.task.kind) or model.backbone.task_type,
        r=method.rank,
        lora_alpha=method.alpha,
        target_modules=sorted(layers),
        modules_to_save=sorted({name.rpartition(".")[0] for name in others}) or None,
        fan_in_fan_out=any(layer.fan_in_fan_out for layer in layers.values()),
        inference_mode=True,
    )
    save_file(
        {name: tensor.detach().contiguous() for name, tensor in sorted(tensors.items())},
        folder / "adapter_model.safetensors",
    )
    content = {name: _make_json(value) for name, value in config.to_dict().items()}  # type: ignore[no-untyped-call]
    (folder / "adapter_config.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _make_json(value: Any) -> Any:
    """Return a value of a configuration of peft as JSON; sets in order, so that the bytes are the same every time."""
    if isinstance(value, set):
        return sorted(value)
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)
