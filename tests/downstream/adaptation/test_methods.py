"""Every way to adapt learns an easy task, and moves its own weights only."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModel, BertConfig, PretrainedConfig, T5Config

from tasks.block import OneOf, discover_blocks
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import FrozenFeatures, attach_features
from tasks.downstream.finetuning.loop import FittedModel, fit_model
from tasks.downstream.heads import make_head
from tasks.downstream.heads.classes import ClassHead
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import Encoder, load_encoder, pad_batch
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure

# what of a GPT-2 of one layer may move
IS_TRAINABLE: dict[str, Callable[[str], bool]] = {
    "adapter": lambda name: "bottleneck" in name or "ln_" in name,
    "full": lambda name: True,
    "head_only": lambda name: False,
    "last_layers": lambda name: "h.0." in name or "ln_f" in name,
    "lora": lambda name: "lora_" in name,
    "prefix": lambda name: "prompt_encoder" in name,
    "prompt": lambda name: "prompt_encoder" in name,
}


@pytest.fixture
def task(heldout: pl.DataFrame) -> Task:
    (site_task,) = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8).make_tasks(heldout)
    return site_task


def make_finetuning(kind: str, **settings: object) -> FineTuning:
    method = OneOf[AdaptationMethod](kind=kind)
    return FineTuning(method=method, epochs=4, min_steps=16, batch_size=6, max_length=32, **settings)


def fit_classifier(task: Task, checkpoint: Path, finetuning: FineTuning) -> FittedModel:
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=False, seed=0), task, finetuning)
        tokenizer = CheckpointTokenizer(checkpoint, 32, finetuning.method.chosen.reserved_positions)
        train, validation = (
            head.make_examples(tokenizer, part) for part in (ClassificationTask().sample(task, 8, 0), task.validation)
        )
        return fit_model(head, train, validation, finetuning, 0.01, 0)


@pytest.fixture
def encoder(checkpoint: Path) -> Encoder:
    return load_encoder(checkpoint, random=False, seed=0)


def test_every_method_is_tested() -> None:
    assert set(discover_blocks(AdaptationMethod)) == set(IS_TRAINABLE)
    assert all(block.__doc__ for block in discover_blocks(AdaptationMethod).values())


@pytest.mark.parametrize("kind", IS_TRAINABLE)
def test_it_learns_and_moves_its_own_weights_only(kind: str, task: Task, checkpoint: Path, encoder: Encoder) -> None:
    finetuning = make_finetuning(kind)
    fitted = fit_classifier(task, checkpoint, finetuning)
    assert fitted.best.score > 0.6
    assert np.mean(fitted.losses[-4:]) < 0.8 * fitted.losses[0]
    before = {name.removeprefix("base_model."): weight for name, weight in encoder.body.state_dict().items()}
    weights = {name.removeprefix("base_model."): weight for name, weight in fitted.head.encoder.body.named_parameters()}
    trainable = {name for name, weight in weights.items() if weight.requires_grad}
    assert trainable == {name for name in weights if IS_TRAINABLE[kind](name)}
    moved = {
        name
        for name, weight in weights.items()
        if (old := before.get(name.replace(".base_layer.", "."))) is not None and not torch.equal(old, weight)
    }
    assert moved == trainable & before.keys()


@torch.no_grad()
def test_new_weights_change_nothing_at_first(checkpoint: Path, encoder: Encoder) -> None:
    batch = pad_batch([[5, 6, 7], [8, 9]])
    before = encoder.eval()(batch)
    for kind in ("lora", "adapter"):
        changed = load_encoder(checkpoint, random=False, seed=0)
        OneOf[AdaptationMethod](kind=kind).chosen.apply(changed)
        assert torch.allclose(changed.eval()(batch), before, atol=1e-6)


@pytest.mark.parametrize("kind", ["adapter", "lora", "prompt"])
def test_one_seed_gives_one_fit(kind: str, task: Task, checkpoint: Path) -> None:
    one, other = (fit_classifier(task, checkpoint, make_finetuning(kind)).losses for _ in range(2))
    assert one == other


BODIES: dict[str, PretrainedConfig] = {
    "bert": BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32),
    "t5": T5Config(vocab_size=50, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2),
}


def load_adapted(family: str, kind: str, folder: Path) -> Encoder:
    AutoModel.from_config(BODIES[family]).save_pretrained(folder)
    encoder = load_encoder(folder, random=False, seed=0)
    OneOf[AdaptationMethod](kind=kind).chosen.apply(encoder)
    return encoder


@pytest.mark.parametrize("family", BODIES)
@pytest.mark.parametrize("kind", sorted(set(IS_TRAINABLE) - {"head_only"}))
def test_other_families_get_gradients(family: str, kind: str, tmp_path: Path) -> None:
    if (family, kind) == ("t5", "prefix"):
        with pytest.raises(StageFailure, match="t5 takes no keys"):
            load_adapted(family, kind, tmp_path)
        return
    encoder = load_adapted(family, kind, tmp_path)
    features = encoder(pad_batch([[5, 6, 7], [8, 9]]))
    assert features.shape == (2, 3 * 16)
    (features**2).sum().backward()
    assert any(weight.grad is not None and weight.grad.any() for weight in encoder.parameters())


def test_a_probe_sees_the_encoder_once(task: Task, checkpoint: Path, tmp_path: Path) -> None:
    finetuning = make_finetuning("head_only")
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=False, seed=0), task, finetuning)
        plain = head.make_examples(CheckpointTokenizer(checkpoint, 32), task.validation)
        with_features = attach_features(head, plain)
        head.prepare_training(with_features)
        head.eval()
        assert torch.allclose(head.compute_outputs(with_features), head.compute_outputs(plain), atol=1e-5)
        assert torch.allclose(head.get_features(with_features), head.encode(plain), atol=1e-5)
        FrozenFeatures.write(head, plain, tmp_path / "some.npy")
        from_file = FrozenFeatures.load(tmp_path / "some.npy").attach_to(plain[3:5], [3, 4])
    assert torch.equal(head.get_features(from_file), head.get_features(with_features[3:5]))


def test_the_probe_of_kept_features_is_the_probe(task: Task, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_features = fit_classifier(task, checkpoint, make_finetuning("head_only"))
    monkeypatch.setattr("tasks.downstream.finetuning.loop.attach_features", lambda head, examples: examples)
    monkeypatch.setattr(Encoder, "train", lambda self, mode=True: self)  # GPT-2's dropout is not of this comparison
    without_features = fit_classifier(task, checkpoint, make_finetuning("head_only"))
    assert np.allclose(with_features.losses, without_features.losses, atol=1e-4)
    assert torch.allclose(with_features.head.head.weight, without_features.head.head.weight, atol=1e-4)


def test_too_many_layers_are_refused(encoder: Encoder) -> None:
    method = OneOf[AdaptationMethod].model_validate({"kind": "last_layers", "last_layers": {"num_layers": 3}})
    with pytest.raises(StageFailure, match="1 layers, and the last 3"):
        method.chosen.apply(encoder)


def test_an_encoder_that_a_method_does_not_suit_is_refused_before_any_fit(checkpoint: Path) -> None:
    method = OneOf[AdaptationMethod].model_validate(
        {"kind": "last_layers", "last_layers": {"num_layers": 3}, "prompt": {"num_virtual_tokens": 64}}
    )
    with pytest.raises(StageFailure, match="1 layers, and the last 3"):
        ClassHead.check_support(checkpoint, FineTuning(method=method))
    with pytest.raises(StageFailure, match="leaves none"):
        ClassHead.check_support(checkpoint, FineTuning(method=method.model_copy(update={"kind": "prompt"})))
    ClassHead.check_support(checkpoint, FineTuning(layer_decay=0.5))


def test_a_prompt_leaves_room_or_is_refused(checkpoint: Path) -> None:
    assert max(map(len, CheckpointTokenizer(checkpoint, 500, reserved=16)(["oak " * 300]))) == 48
    with pytest.raises(StageFailure, match="leaves none"):
        CheckpointTokenizer(checkpoint, 500, reserved=64)


def test_a_missing_peft_is_named(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(StageFailure, match="need the package peft"):
        OneOf[AdaptationMethod](kind="lora").chosen.apply(encoder)
