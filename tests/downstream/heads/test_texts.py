"""Models of both kinds learn to write, from targets alone, whatever stands beside a text in its batch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    T5Config,
)

from tasks.downstream.data.data_files import frame
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit
from tasks.downstream.heads.texts import TextWriter, ended
from tasks.downstream.models.encoder import Tokens
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import kind_of
from tasks.downstream.task_types.texts import Texts, bleu_tokenizer
from tasks.errors import StageFailure
from tasks.evaluate.preflight import find_unsupported
from tasks.evaluate.settings import Evaluate

TREES = ["oak", "birch", "leaf", "root"]
SHIPS = dict(zip(TREES, ["sail", "mast", "deck", "tide"], strict=True))
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
HALF = {"vocab_size": 40, "d_model": 32}
BART = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
FFN = {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
CONFIGS: dict[str, PreTrainedConfig] = {
    "gpt2": GPT2Config(vocab_size=40, n_embd=32, n_layer=2, n_head=2, n_positions=32, **SPECIAL),
    "llama": LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, **SPECIAL
    ),
    "t5": T5Config(
        **HALF, d_ff=64, d_kv=16, num_layers=1, num_heads=2, dropout_rate=0.0, decoder_start_token_id=0, eos_token_id=3
    ),
    "bart": BartConfig(
        **HALF,
        **BART,
        **FFN,
        max_position_embeddings=32,
        **SPECIAL,
        dropout=0.0,
        init_std=0.1,
        decoder_start_token_id=3,
    ),
}
RECIPE = Recipe(fewest_steps=110, epochs=1, batch=16, max_length=16, max_target=6, weight_decay=0.0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """As a fit runs; two threads take longer over so little."""
    with one_thread():
        yield


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A model of each family with random weights, and the tokenizer of the tests."""
    made = tmp_path_factory.mktemp(request.param)
    config = CONFIGS[request.param]
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    torch.manual_seed(0)
    auto.from_config(config).save_pretrained(made)
    with_tokenizer(made, checkpoint)
    return made


def with_tokenizer(folder: Path, checkpoint: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((checkpoint / name).read_bytes())


def task(num: int = 64, longest: int = 3) -> Task:
    """Trees become ships, in the same order."""
    rng = np.random.default_rng(0)
    drawn = [[str(rng.choice(TREES)) for _ in range(int(rng.integers(1, longest + 1)))] for _ in range(num)]
    rows = [{"text": " ".join(each), "wanted": [" ".join(SHIPS[word] for word in each)]} for each in drawn]
    made = frame([row | {"origin": f"row {number}"} for number, row in enumerate(rows)], Texts.columns)
    return Task("ships", "", "texts", [], made[: num // 2], made[num // 2 :], made[num // 2 :], [])


def writer(folder: Path, recipe: Recipe = RECIPE) -> TextWriter:
    return TextWriter.loaded(folder, task(), recipe, random=False, seed=0).eval()


def test_a_mapping_of_words_is_learnt(folder: Path) -> None:
    data = task(longest=2)
    with one_thread():
        head = TextWriter.loaded(folder, data, RECIPE, random=False, seed=0)
        parts = [head.examples(head.tokens, part) for part in (data.train, data.validation)]
        found = fit(head, *parts, RECIPE, 0.005, 0)
        loss, answers = head.judged(parts[1])
    scores = kind_of(data).scores(data, data.validation, answers)
    assert scores["rougeL"].value > 0.8
    assert scores["unended"].value < 0.2
    assert loss == found.best.loss
    assert found.best.score == pytest.approx(np.exp(-loss))


def test_only_the_target_is_learnt(folder: Path) -> None:
    """The loss is the sum of the true tokens' log-likelihoods, each foretold from the source and those before it."""
    made = writer(folder)
    source, target = [5, 6, 7, 3], [8, 9, 3]
    losses = made.writer.losses([source], [target]).tolist()
    stock, start = made.writer.body, made.writer.start
    for place, token in enumerate(target):
        with torch.no_grad():
            if made.writer.has_encoder:
                given = {"input_ids": [source], "decoder_input_ids": [[start, *target[:place]]]}
            else:
                given = {"input_ids": [[*source, *target[:place]]]}
            logits = stock(**{name: torch.tensor(ids) for name, ids in given.items()}).logits[0, -1]
        assert losses[place] == pytest.approx(-float(logits.log_softmax(-1)[token]), abs=1e-4)
    assert len(losses) == len(target)


def test_what_stands_beside_a_text_changes_nothing(folder: Path) -> None:
    made = writer(folder)
    sources = [[5, 3], [6, 7, 8, 9, 10, 3], [11, 12, 3]]
    targets = [[13, 14, 15, 3], [16, 3], [17, 18, 3]]
    together = made.writer.losses(sources, targets)
    alone = [made.writer.losses([source], [target]) for source, target in zip(sources, targets, strict=True)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    for beams in (1, 3):
        written = made.writer.written(sources, 6, beams)
        assert written == [made.writer.written([each], 6, beams)[0] for each in sources]
        assert all(0 < len(each) <= 6 for each in written)


def test_one_seed_gives_one_model_and_random_weights_others(folder: Path) -> None:
    sources, targets = [[5, 6, 3]], [[7, 8, 3]]
    first, again, other, stored = (
        TextWriter.loaded(folder, task(), RECIPE, random=random, seed=seed).eval().writer.losses(sources, targets)
        for random, seed in ((True, 0), (True, 0), (True, 1), (False, 1))
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(stored, other)


def test_what_is_cut_is_counted(folder: Path) -> None:
    made = writer(folder, Recipe(max_length=8, max_target=4))
    rows = [
        {"text": "oak " * 7, "wanted": ["sail " * 3], "origin": ""},
        {"text": "oak " * 8, "wanted": ["sail " * 4], "origin": ""},
    ]
    table = frame(rows, Texts.columns)
    examples = made.examples(made.tokens, table)
    assert [len(each.ids) for each in examples] == [8, 8]
    assert [len(each.target.ids) for each in examples] == [4, 4]
    assert {each.ids[-1] for each in examples} == {each.target.ids[-1] for each in examples} == {made.writer.end}
    _, answers = made.judged(examples)
    assert answers["source_cut"].to_list() == answers["target_cut"].to_list() == [False, True]
    scores = Texts().scores(task(), table, answers)
    assert (scores["source_cut"].value, scores["target_cut"].value) == (0.5, 0.5)


def test_a_text_ends_once() -> None:
    assert ended([5, 3], 4, 3) == ([5, 3], False)
    assert ended([5], 4, 3) == ([5, 3], False)
    assert ended([5, 6, 7, 8], 4, 3) == ([5, 6, 7, 3], True)


def test_a_decoder_leaves_room_for_the_target(checkpoint: Path) -> None:
    made = writer(checkpoint, Recipe(max_length=64, max_target=20))
    assert (made.most_source, made.most_target) == (44, 20)
    with pytest.raises(StageFailure, match="64 positions has no room for a text before one of 60 tokens"):
        TextWriter.check(checkpoint, Recipe(max_target=60))


def test_settings_of_a_stock_folder_do_not_decide(checkpoint: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.generation_config.update(min_new_tokens=6, num_beams=3, repetition_penalty=9.0)
    model.save_pretrained(tmp_path)
    with_tokenizer(tmp_path, checkpoint)
    sources = [[5, 6, 3], [7, 3]]
    assert writer(tmp_path).writer.written(sources, 6, 1) == writer(checkpoint).writer.written(sources, 6, 1)


def test_a_model_that_writes_nothing_is_refused_before_any_fit(checkpoint: Path, tmp_path: Path) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForMaskedLM(BertConfig(vocab_size=40, **shape)).save_pretrained(tmp_path)
    with_tokenizer(tmp_path, checkpoint)
    task().save(tmp_path / "ships.parquet")
    settings = Evaluate(recipe=RECIPE)
    with pytest.raises(StageFailure, match="BertForMaskedLM, which writes no text"):
        find_unsupported(settings, tmp_path, [tmp_path / "ships.parquet"])
    with pytest.raises(StageFailure, match="BertForMaskedLM, which writes no text"):
        writer(tmp_path)
    find_unsupported(settings, checkpoint, [tmp_path / "ships.parquet"])


def test_a_tokenizer_without_an_end_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(checkpoint).save_pretrained(tmp_path)
    tokenizer = Tokens(checkpoint, 8).tokenizer.backend_tokenizer
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>").save_pretrained(tmp_path)
    with pytest.raises(StageFailure, match="has no end token"):
        TextWriter.check(tmp_path, RECIPE)


def test_less_data_than_a_batch_is_enough(checkpoint: Path) -> None:
    data = task(num=4)
    recipe = Recipe(fewest_steps=2, batch=8, max_length=16, max_target=6)
    with one_thread():
        head = TextWriter.loaded(checkpoint, data, recipe, random=True, seed=0)
        examples = head.examples(head.tokens, data.train)
        assert len(fit(head, examples, examples, recipe, 0.01, 0).losses) == 2


def test_words_for_bleu_follow_the_script() -> None:
    assert bleu_tokenizer([["a red bird"]]) == "13a"
    assert bleu_tokenizer([["今天天气很好"]]) == "zh"
    assert bleu_tokenizer([["今日はいい天気です"]]) == "char"


def test_scores_are_shares_and_chinese_is_compared_by_character() -> None:
    rows = frame([{"text": "", "wanted": ["今天天气很好"], "origin": ""}], Texts.columns)
    scores = Texts().scores(task(), rows, rows.select(written="text"))
    assert {name: score.value for name, score in scores.items()} == dict.fromkeys(scores, 0.0)
    exact = Texts().scores(task(), rows, rows.select(written=rows["wanted"].list.first()))
    assert [exact[name].value for name in Texts.metrics] == [pytest.approx(1.0)] * 5
    half = Texts().scores(task(), rows, rows.select(written=rows["wanted"].list.first().str.head(3)))
    assert half["rouge1"].value == pytest.approx(2 * 3 / 9)
