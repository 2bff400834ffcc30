"""Going on from a model: what it knows is kept, what is frozen does not move, what does not fit is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from transformers import BertConfig, BertModel

from tasks.errors import StageFailure
from tasks.pretrain.export.model_card import ModelDescription, render_model_card
from tasks.pretrain.schedules.initial_weights import StartFrom
from tasks.pretrain.training.loop import Training, describe_new_head
from tests.pretrain.conftest import small


@pytest.fixture(scope="module")
def trained(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder after some steps, with its tokenizer."""
    from tests.pretrain.conftest import CPU

    root = tmp_path_factory.mktemp("trained")
    run = Training(small(steps=30), [tokens], root / "scratch", CPU)
    while not run.is_done:
        run.advance()
    run.learner.module.save_pretrained(root / "model")
    for file in (tokens / "tokenizer").iterdir():
        shutil.copy(file, root / "model" / file.name)
    return root / "model"


def test_a_run_goes_on_with_what_the_model_knows(training: Callable[..., Training], trained: Path) -> None:
    fresh = training(small(), "fresh").advance()["loss"]
    run = training(small(start_from={"folder": str(trained)}), "further")
    assert all(
        torch.equal(tensor, run.learner.module.state_dict()[name])
        for name, tensor in type(run.learner.module).from_pretrained(trained).state_dict().items()
    )
    assert run.advance()["loss"] < fresh - 1


def test_frozen_parameters_stay_and_the_others_move(training: Callable[..., Training], trained: Path) -> None:
    settings = small(start_from={"folder": str(trained), "frozen": ["*wte*", "*.h.0.*"]})
    run = training(settings, "frozen")
    before = {name: parameter.detach().clone() for name, parameter in run.learner.module.named_parameters()}
    run.advance()
    run.save_checkpoint()
    moved = {name for name, p in run.learner.module.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if "wte" not in name and ".h.0." not in name}
    run.checkpoints.wait()
    assert training(settings, "frozen").progress.step == 1, "it resumes"


def test_lower_layers_get_smaller_steps(training: Callable[..., Training]) -> None:
    run = training(small(start_from={"layer_decay": 0.5}), "decayed")
    rates = {
        run.optimizers.names[parameter]: group["lr"]
        for part in run.optimizers.optimizers
        for group in part.param_groups
        for parameter in group["params"]
    }
    head, embedding = rates["module.transformer.ln_f.weight"], rates["module.transformer.wte.weight"]
    layers = [rates[f"module.transformer.h.{number}.attn.c_attn.weight"] for number in (0, 1)]
    assert (embedding, layers) == (head / 8, [head / 4, head / 2])
    assert set(rates) == {name for name, _ in run.learner.named_parameters()}
    metrics = run.advance()
    assert metrics["loss"] > 0


def test_a_pattern_that_fits_nothing_and_one_that_fits_all_are_refused(training: Callable[..., Training]) -> None:
    with pytest.raises(
        StageFailure, match=r"\*embeddings\* matches no parameter. They are named transformer.wte.weight"
    ):
        training(small(start_from={"frozen": ["*embeddings*"]}))
    with pytest.raises(StageFailure, match="leaves nothing to train"):
        training(small(start_from={"frozen": ["*"]}))


def test_a_model_of_another_family_is_refused_before_anything_begins(trained: Path) -> None:
    with pytest.raises(ValidationError, match="has family gpt2, and not bert"):
        small(family="bert", start_from={"folder": str(trained)})


def test_a_head_that_the_folder_lacks_is_announced_and_on_the_card(
    training: Callable[..., Training], trained: Path, tmp_path: Path
) -> None:
    config = json.loads((trained / "config.json").read_text())
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": config["n_layer"], "hidden_size": config["n_embd"], "intermediate_size": 64}
    BertModel(
        BertConfig(vocab_size=config["vocab_size"], num_attention_heads=config["n_head"], pad_token_id=0, **sizes)
    ).save_pretrained(tmp_path)
    settings = small(family="bert", objective={"kind": "masked"}, start_from={"folder": str(tmp_path)})
    run = training(settings, "headless")
    (note,) = run.notes
    assert note.startswith(f"{tmp_path} has no weights for the head (cls.predictions")
    assert "begins at random" in note
    phrase = describe_new_head(run.new_head)
    description = ModelDescription("AutoModelForMaskedLM", "fill-mask", "transformers", {}, {}, phrase)
    assert f"The model that training began with has no {phrase}." in render_model_card(
        settings, [run.advance()], 1, [], description
    )
    assert training(small(start_from={"folder": str(trained)}), "complete").notes == []


def test_what_is_in_the_folder_decides_and_not_where_it_stands(trained: Path, tmp_path: Path) -> None:
    original, copied = StartFrom(folder=str(trained)), StartFrom(folder=str(tmp_path / "copy"))
    shutil.copytree(trained, tmp_path / "copy")
    assert copied.semantic() == original.semantic() != StartFrom().semantic()
    weights = tmp_path / "copy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert copied.semantic() != original.semantic()
    weights.unlink()
    with pytest.raises(StageFailure, match=r"copy holds no config.json and model.safetensors"):
        copied.semantic()
