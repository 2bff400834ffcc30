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
from tasks.downstream.adaptation import Way
from tasks.downstream.finetuning.loop import Fitted, fit
from tasks.downstream.finetuning.optimizer import shares
from tasks.downstream.finetuning.shards import score
from tasks.downstream.heads.texts import TextWriter
from tasks.downstream.models.encoder import TokenIds
from tasks.downstream.models.generator import Writer
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.finetuning import Recipe
from tasks.errors import StageFailure
from tasks.evaluate.preflight import find_unsupported
from tasks.evaluate.settings import Evaluate
from tests.downstream.heads.test_texts import SPECIAL, task, with_tokenizer

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
WAYS = sorted(discover_blocks(Way))
# only Llama's projection is none of its embeddings
CASES = [
    *((family, kind) for family in ("gpt2", "bart") for kind in WAYS if kind != "head_only"),
    *((family, kind) for family in ("llama", "t5") for kind in ("lora", "prefix", "prompt")),
    ("llama", "head_only"),
]
SOURCES = [[5, 6, 7, 3], [8, 3], [9, 10, 11, 12, 13, 3]]


def learns(family: str, kind: str) -> tuple[str, ...]:
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
def quiet() -> Iterator[None]:
    """As a fit runs; two threads take longer over so little."""
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> dict[str, Path]:
    """A model of each family with random weights, and the tokenizer of the tests."""
    made = {}
    for family, config in CONFIGS.items():
        made[family] = tmp_path_factory.mktemp(family)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        torch.manual_seed(0)
        auto.from_config(config).save_pretrained(made[family])
        with_tokenizer(made[family], checkpoint)
    return made


def recipe_of(kind: str, steps: int = 24, **settings: object) -> Recipe:
    way = OneOf[Way].model_validate({"kind": kind, "prompt": {"tokens": 5}, "prefix": {"tokens": 5}})
    return Recipe(
        adapt=way, fewest_steps=steps, epochs=0.1, batch=8, max_length=16, max_target=6, evaluations=1, **settings
    )


def fitted(folder: Path, recipe: Recipe) -> tuple[Fitted, float]:
    """And the loss on validation before."""
    data = task(longest=2)
    head = TextWriter.loaded(folder, data, recipe, random=False, seed=0)
    parts = [head.examples(head.tokens, part) for part in (data.train, data.validation)]
    loss, _ = head.validated(parts[1])
    return fit(head, parts[0], parts[1], recipe, 0.1 if recipe.adapt.chosen.places else 0.02, 0), loss


def greedy(writer: Writer, source: list[int], most: int) -> list[int]:
    """The likeliest token each time, as the likelihoods of targets have it."""
    made: list[int] = []
    while len(made) < most and made[-1:] != [writer.end]:
        candidates: TokenIds = [[*made, token] for token in range(40)]
        losses = writer.losses([source] * 40, candidates).reshape(40, -1)[:, -1]
        made.append(int(losses.argmin()))
    return made


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_it_learns_moves_its_own_weights_only_and_writes_what_scores_highest(
    family: str, kind: str, folders: dict[str, Path]
) -> None:
    found, loss = fitted(folders[family], recipe_of(kind))
    assert found.best.loss < 0.9 * loss
    writer = found.head.eval().writer
    before = Writer.load(folders[family], 3, random=False, seed=0).body.state_dict()
    weights = {name.removeprefix("base_model."): each for name, each in writer.body.named_parameters()}
    learning = {name for name, weight in weights.items() if weight.requires_grad}
    assert learning == {name for name in weights if any(part in name for part in learns(family, kind))}
    moved = {
        name
        for name, weight in weights.items()
        if (old := before.get(name.replace(".base_layer.", "."))) is not None and not torch.equal(old, weight)
    }
    assert moved == learning & before.keys()
    with torch.no_grad():
        assert writer.written(SOURCES, 4, 1) == [greedy(writer, source, 4) for source in SOURCES]


@pytest.mark.parametrize("family", ["gpt2", "bart"])
@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_beams_that_keep_everything_find_the_likeliest_text(family: str, kind: str, folders: dict[str, Path]) -> None:
    writer = TextWriter.loaded(folders[family], task(), recipe_of(kind), random=False, seed=0).eval().writer
    texts = [[one, other] for one in range(40) if one != writer.end for other in range(40)]
    for source, found in zip(SOURCES, writer.written(SOURCES, 2, 40), strict=True):
        means = writer.losses([source] * len(texts), texts).reshape(-1, 2).mean(1)
        (end,) = writer.losses([source], [[writer.end]])
        assert found == ([writer.end] if end < means.min() else texts[int(means.argmin())])


def test_a_prompt_changes_what_is_written(folders: dict[str, Path]) -> None:
    for family, folder in folders.items():
        plain = Writer.load(folder, 3, random=False, seed=0).eval().losses(SOURCES[:1], [[5, 6, 3]])
        for kind in ("prefix", "prompt"):
            writer = TextWriter.loaded(folder, task(), recipe_of(kind), random=False, seed=0).eval().writer
            assert not torch.allclose(writer.losses(SOURCES[:1], [[5, 6, 3]]), plain), (family, kind)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_new_weights_change_nothing_at_first(family: str, folders: dict[str, Path]) -> None:
    plain = Writer.load(folders[family], 3, random=False, seed=0).eval().losses(SOURCES[:1], [[5, 6, 3]])
    for kind in ("adapter", "lora"):
        writer = TextWriter.loaded(folders[family], task(), recipe_of(kind), random=False, seed=0).eval().writer
        assert torch.allclose(writer.losses(SOURCES[:1], [[5, 6, 3]]), plain, atol=1e-5)


@pytest.mark.parametrize("kind", ["adapter", "lora", "prefix", "prompt"])
def test_one_seed_gives_one_fit(kind: str, folders: dict[str, Path]) -> None:
    one, other = (fitted(folders["t5"], recipe_of(kind, steps=3))[0].losses for _ in range(2))
    assert one == other


def test_a_bottleneck_stands_behind_every_sublayer(folders: dict[str, Path]) -> None:
    counts = {}
    for family, folder in folders.items():
        head = TextWriter.loaded(folder, task(), recipe_of("adapter"), random=False, seed=0)
        names = [name for name, _ in head.named_modules() if name.endswith(".bottleneck")]
        counts[family] = len(names)
        if family == "bart":
            ends = {name.split(".layers.")[1].removesuffix(".bottleneck") for name in names if ".decoder." in name}
            assert ends == {f"{layer}.{end}" for layer in (0, 1) for end in BART_ENDS}
    # a decoder that looks at an encoder has three sublayers a layer
    assert counts == {"gpt2": 4, "llama": 4, "t5": 4 + 3, "bart": 2 + 6}


BART_ENDS = ("self_attn.out_proj", "encoder_attn.out_proj", "fc2")


def test_lower_layers_learn_slower_and_an_encoder_slowest(folders: dict[str, Path]) -> None:
    recipe = recipe_of("full", layer_decay=0.5)
    head = TextWriter.loaded(folders["bart"], task(), recipe, random=False, seed=0)
    share = {id(weight): each for weight, each in shares(head, 0.5)}
    body = head.writer.body.model
    assert share[id(body.decoder.layers[1].fc1.weight)] == 1
    assert share[id(body.decoder.layers[0].fc1.weight)] == 0.5
    assert share[id(body.encoder.layers[0].fc1.weight)] == 0.25
    assert share[id(body.shared.weight)] == share[id(body.encoder.layernorm_embedding.weight)] == 0.125


def test_virtual_tokens_take_room(folders: dict[str, Path]) -> None:
    recipe = Recipe(max_length=64, max_target=20)
    for kind, gone in (("full", 0), ("prompt", 16), ("prefix", 8)):
        made = recipe.model_copy(update={"adapt": OneOf[Way](kind=kind)})
        head = TextWriter.loaded(folders["gpt2"], task(), made, random=False, seed=0)
        assert (head.most_source, head.most_target) == (48 - 20 - gone, 20)
        head = TextWriter.loaded(folders["bart"], task(), made, random=False, seed=0)
        assert (head.most_source, head.most_target) == (48 - gone, 20)
        long = pl.DataFrame({"text": ["oak " * 60], "wanted": [["sail " * 60]]})
        (example,) = head.examples(head.tokens, long)
        assert len(head.eval().writer.losses([example.ids], [example.target.ids])) == 20


REFUSED = {
    ("gpt2", "head_only"): "the gpt2 projects onto its vocabulary by its embedding",
    ("bart", "last_layers"): "3 layers, and the last 9",
    ("gpt2", "prompt"): "48 positions, but for 40 of a prompt, has no room",
}


@pytest.mark.parametrize(("family", "kind"), REFUSED)
def test_what_cannot_be_is_refused_before_any_fit(
    family: str, kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    task().save(tmp_path / "ships.parquet")
    way = {"kind": kind, "last_layers": {"layers": 9}, "prompt": {"tokens": 40}}
    settings = Evaluate(recipe=recipe_of("full").model_copy(update={"adapt": OneOf[Way].model_validate(way)}))
    with pytest.raises(StageFailure, match=REFUSED[family, kind]) as raised:
        find_unsupported(settings, folders[family], [tmp_path / "ships.parquet"])
    assert "evaluate.recipe." in raised.value.hint


def test_the_projection_alone_is_fitted_by_the_stage(folders: dict[str, Path], tmp_path: Path) -> None:
    """A frozen encoder's features are read from files; a model that writes has none."""
    task().save(tmp_path / "ships.parquet")
    recipe = recipe_of("head_only", steps=2)
    find_unsupported(Evaluate(recipe=recipe), folders["llama"], [tmp_path / "ships.parquet"])
    (tmp_path / "out").mkdir()
    found = score(tmp_path / "out", tmp_path / "ships.parquet", folders["llama"], recipe, "pretrained", 0, 0, 0.01)
    assert 0 <= found["metrics"]["rougeL"] <= 1
