"""Every way to adapt a model that writes: it learns, moves its own weights only, and writes what it scores highest."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    T5Config,
)

from tasks.block import OneOf, discover_blocks
from tasks.downstream.adaptation import AdaptationMethod
from tasks.downstream.finetuning.loop import FittedModel, fit_model
from tasks.downstream.finetuning.optimizer import compute_rate_factors
from tasks.downstream.finetuning.shards import fit_and_score
from tasks.downstream.heads.texts import TextGenerationModel
from tasks.downstream.models.checkpoint_tokenizer import TokenIds
from tasks.downstream.models.generator import TextGenerator
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.errors import StageFailure
from tasks.evaluate.preflight import find_unsupported
from tasks.evaluate.settings import Evaluate
from tests.downstream.heads.test_texts import SPECIAL, copy_tokenizer, make_task

# weights far from zero, so that a model has a taste of its own from the start
FAR = 0.25
# the two stacks differ in depth, T5's heads are narrower than its states, and Llama's share their keys
CONFIGS: dict[str, PreTrainedConfig] = {
    "gpt2": GPT2Config(vocab_size=40, n_embd=32, n_layer=2, n_head=2, n_positions=48, initializer_range=FAR, **SPECIAL),
    "llama": LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=FAR,
        **SPECIAL,
    ),
    "t5": T5Config(
        vocab_size=40,
        d_model=32,
        d_ff=64,
        d_kv=8,
        num_layers=2,
        num_decoder_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        eos_token_id=3,
    ),
    "bart": BartConfig(
        vocab_size=40,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=48,
        init_std=FAR,
        decoder_start_token_id=3,
        **SPECIAL,
    ),
}
UPPER = {
    "gpt2": ("h.1.", "ln_f"),
    "llama": ("layers.1.", "model.norm", "lm_head"),
    "t5": ("decoder.block.0.", "decoder.final_layer_norm"),
    "bart": ("decoder.layers.1.",),
}
NORMS = ("ln_", "norm")
METHODS = sorted(discover_blocks(AdaptationMethod))
# only Llama's projection is none of its embeddings
CASES = [
    *((family, kind) for family in ("gpt2", "bart") for kind in METHODS if kind != "head_only"),
    *((family, kind) for family in ("llama", "t5") for kind in ("lora", "prefix", "prompt")),
    ("llama", "head_only"),
]
SOURCES = [[5, 6, 7, 3], [8, 3], [9, 10, 11, 12, 13, 3]]


def list_trainable_names(family: str, kind: str) -> tuple[str, ...]:
    """Parts of the names of what may move."""
    return {
        "adapter": ("bottleneck", *NORMS),
        "full": ("",),
        "head_only": ("lm_head",),
        "last_layers": UPPER[family],
        "lora": ("lora_",),
        "prefix": ("prompt_encoder",),
        "prompt": ("prompt_encoder",),
    }[kind]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """As a fit runs; two threads take longer over so little."""
    with use_one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> dict[str, Path]:
    """A model of each family with random weights, and the tokenizer of the tests."""
    family_folders = {}
    for family, config in CONFIGS.items():
        family_folders[family] = tmp_path_factory.mktemp(family)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        torch.manual_seed(0)
        auto.from_config(config).save_pretrained(family_folders[family])
        copy_tokenizer(family_folders[family], checkpoint)
    return family_folders


def make_finetuning(kind: str, steps: int = 24, **settings: object) -> FineTuning:
    method = OneOf[AdaptationMethod].model_validate(
        {"kind": kind, "prompt": {"num_virtual_tokens": 5}, "prefix": {"num_virtual_tokens": 5}}
    )
    return FineTuning(
        method=method,
        min_steps=steps,
        epochs=0.1,
        batch_size=8,
        max_length=16,
        max_target_length=6,
        num_evaluations=1,
        **settings,
    )


def fit_generator(folder: Path, finetuning: FineTuning) -> tuple[FittedModel, float]:
    """And the loss on validation before."""
    data = make_task(longest=2)
    head = TextGenerationModel.load(folder, data, finetuning, random=False, seed=0)
    parts = [head.make_examples(head.tokenizer, part) for part in (data.train, data.validation)]
    loss, _ = head.validate(parts[1])
    return fit_model(
        head, parts[0], parts[1], finetuning, 0.1 if finetuning.method.chosen.reserved_positions else 0.02, 0
    ), loss


def generate_greedily(generator: TextGenerator, source: list[int], max_length: int) -> list[int]:
    """The likeliest token each time, as the likelihoods of targets have it."""
    generated: list[int] = []
    while len(generated) < max_length and generated[-1:] != [generator.end_id]:
        candidates: TokenIds = [[*generated, token] for token in range(40)]
        losses = generator.compute_losses([source] * 40, candidates).reshape(40, -1)[:, -1]
        generated.append(int(losses.argmin()))
    return generated


@pytest.mark.slow
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_it_learns_moves_its_own_weights_only_and_writes_what_scores_highest(
    family: str, kind: str, folders: dict[str, Path]
) -> None:
    found, loss_before = fit_generator(folders[family], make_finetuning(kind))
    assert found.best.loss < 0.9 * loss_before
    generator = found.head.eval().generator
    before = TextGenerator.load(folders[family], 3, random=False, seed=0).body.state_dict()
    weights = {name.removeprefix("base_model."): weight for name, weight in generator.body.named_parameters()}
    trainable = {name for name, weight in weights.items() if weight.requires_grad}
    assert trainable == {name for name in weights if any(part in name for part in list_trainable_names(family, kind))}
    moved = {
        name
        for name, weight in weights.items()
        if (old := before.get(name.replace(".base_layer.", "."))) is not None and not torch.equal(old, weight)
    }
    assert moved == trainable & before.keys()
    with torch.no_grad():
        assert generator.generate(SOURCES, 4, 1) == [generate_greedily(generator, source, 4) for source in SOURCES]


@pytest.mark.parametrize("family", ["gpt2", "bart"])
@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_beams_that_keep_everything_find_the_likeliest_text(family: str, kind: str, folders: dict[str, Path]) -> None:
    generator = (
        TextGenerationModel.load(folders[family], make_task(), make_finetuning(kind), random=False, seed=0)
        .eval()
        .generator
    )
    texts = [[one, other] for one in range(40) if one != generator.end_id for other in range(40)]
    for source, generated in zip(SOURCES, generator.generate(SOURCES, 2, 40), strict=True):
        means = generator.compute_losses([source] * len(texts), texts).reshape(-1, 2).mean(1)
        (end,) = generator.compute_losses([source], [[generator.end_id]])
        assert generated == ([generator.end_id] if end < means.min() else texts[int(means.argmin())])


def test_a_prompt_changes_what_is_written(folders: dict[str, Path]) -> None:
    for family, folder in folders.items():
        plain = TextGenerator.load(folder, 3, random=False, seed=0).eval().compute_losses(SOURCES[:1], [[5, 6, 3]])
        for kind in ("prefix", "prompt"):
            generator = (
                TextGenerationModel.load(folder, make_task(), make_finetuning(kind), random=False, seed=0)
                .eval()
                .generator
            )
            assert not torch.allclose(generator.compute_losses(SOURCES[:1], [[5, 6, 3]]), plain), (family, kind)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_new_weights_change_nothing_at_first(family: str, folders: dict[str, Path]) -> None:
    plain = TextGenerator.load(folders[family], 3, random=False, seed=0).eval().compute_losses(SOURCES[:1], [[5, 6, 3]])
    for kind in ("adapter", "lora"):
        generator = (
            TextGenerationModel.load(folders[family], make_task(), make_finetuning(kind), random=False, seed=0)
            .eval()
            .generator
        )
        assert torch.allclose(generator.compute_losses(SOURCES[:1], [[5, 6, 3]]), plain, atol=1e-5)


@pytest.mark.parametrize("kind", ["adapter", "lora", "prefix", "prompt"])
def test_one_seed_gives_one_fit(kind: str, folders: dict[str, Path]) -> None:
    one, other = (fit_generator(folders["t5"], make_finetuning(kind, steps=3))[0].losses for _ in range(2))
    assert one == other


def test_a_bottleneck_stands_behind_every_sublayer(folders: dict[str, Path]) -> None:
    counts = {}
    for family, folder in folders.items():
        head = TextGenerationModel.load(folder, make_task(), make_finetuning("adapter"), random=False, seed=0)
        names = [name for name, _ in head.named_modules() if name.endswith(".bottleneck")]
        counts[family] = len(names)
        if family == "bart":
            ends = {name.split(".layers.")[1].removesuffix(".bottleneck") for name in names if ".decoder." in name}
            assert ends == {f"{layer}.{end}" for layer in (0, 1) for end in BART_ENDS}
    # a decoder that looks at an encoder has three sublayers a layer
    assert counts == {"gpt2": 4, "llama": 4, "t5": 4 + 3, "bart": 2 + 6}


BART_ENDS = ("self_attn.out_proj", "encoder_attn.out_proj", "fc2")


def test_lower_layers_learn_slower_and_an_encoder_slowest(folders: dict[str, Path]) -> None:
    finetuning = make_finetuning("full", layer_decay=0.5)
    head = TextGenerationModel.load(folders["bart"], make_task(), finetuning, random=False, seed=0)
    factors = {id(weight): factor for weight, factor in compute_rate_factors(head, 0.5)}
    body = head.generator.body.model
    assert factors[id(body.decoder.layers[1].fc1.weight)] == 1
    assert factors[id(body.decoder.layers[0].fc1.weight)] == 0.5
    assert factors[id(body.encoder.layers[0].fc1.weight)] == 0.25
    assert factors[id(body.shared.weight)] == factors[id(body.encoder.layernorm_embedding.weight)] == 0.125


def test_virtual_tokens_take_room(folders: dict[str, Path]) -> None:
    finetuning = FineTuning(max_length=64, max_target_length=20)
    for kind, reserved in (("full", 0), ("prompt", 16), ("prefix", 8)):
        adapted = finetuning.model_copy(update={"method": OneOf[AdaptationMethod](kind=kind)})
        head = TextGenerationModel.load(folders["gpt2"], make_task(), adapted, random=False, seed=0)
        assert (head.max_source_length, head.max_target_length) == (48 - 20 - reserved, 20)
        head = TextGenerationModel.load(folders["bart"], make_task(), adapted, random=False, seed=0)
        assert (head.max_source_length, head.max_target_length) == (48 - reserved, 20)
        long = pl.DataFrame({"text": ["oak " * 60], "wanted": [["sail " * 60]]})
        (example,) = head.make_examples(head.tokenizer, long)
        assert len(head.eval().generator.compute_losses([example.ids], [example.target.ids])) == 20


REFUSED = {
    ("gpt2", "head_only"): "the gpt2 projects onto its vocabulary by its embedding",
    ("bart", "last_layers"): "3 layers, and the last 9",
    ("gpt2", "prompt"): "48 positions, 40 of them for a prompt, has no room",
}


@pytest.mark.parametrize(("family", "kind"), REFUSED)
def test_what_cannot_be_is_refused_before_any_fit(
    family: str, kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    make_task().save(tmp_path / "ships.parquet")
    method = {"kind": kind, "last_layers": {"num_layers": 9}, "prompt": {"num_virtual_tokens": 40}}
    settings = Evaluate(
        finetuning=make_finetuning("full").model_copy(update={"method": OneOf[AdaptationMethod].model_validate(method)})
    )
    with pytest.raises(StageFailure, match=REFUSED[family, kind]) as raised:
        find_unsupported(settings, folders[family], [tmp_path / "ships.parquet"], {})
    assert "evaluate.finetuning." in raised.value.hint


def test_the_projection_alone_is_fitted_by_the_stage(folders: dict[str, Path], tmp_path: Path) -> None:
    """A frozen encoder's features are read from files; a model that writes has none."""
    make_task().save(tmp_path / "ships.parquet")
    finetuning = make_finetuning("head_only", steps=2)
    find_unsupported(Evaluate(finetuning=finetuning), folders["llama"], [tmp_path / "ships.parquet"], {})
    (tmp_path / "out").mkdir()
    counts = fit_and_score(
        tmp_path / "out", tmp_path / "ships.parquet", folders["llama"], finetuning, "pretrained", 0, 0, 0.01
    )
    assert 0 <= counts["metrics"]["rougeL"] <= 1
