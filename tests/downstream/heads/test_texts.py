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

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.heads.texts import TextGenerationModel, truncate_with_end
from tasks.downstream.metrics.generation import score_generations
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.texts import GenerationTask, choose_bleu_tokenizer
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
FINETUNING = FineTuning(min_steps=110, epochs=1, batch_size=16, max_length=16, max_target_length=6, weight_decay=0.0)


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """As a fit runs; two threads take longer over so little."""
    with use_one_thread():
        yield


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A model of each family with random weights, and the tokenizer of the tests."""
    model_folder = tmp_path_factory.mktemp(request.param)
    config = CONFIGS[request.param]
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    torch.manual_seed(0)
    auto.from_config(config).save_pretrained(model_folder)
    copy_tokenizer(model_folder, checkpoint)
    return model_folder


def copy_tokenizer(folder: Path, checkpoint: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((checkpoint / name).read_bytes())


def make_task(num: int = 64, longest: int = 3) -> Task:
    """Trees become ships, in the same order."""
    rng = np.random.default_rng(0)
    drawn = [[str(rng.choice(TREES)) for _ in range(int(rng.integers(1, longest + 1)))] for _ in range(num)]
    rows = [{"text": " ".join(words), "wanted": [" ".join(SHIPS[word] for word in words)]} for words in drawn]
    examples = build_table(
        [row | {"origin": f"row {number}"} for number, row in enumerate(rows)], GenerationTask.columns
    )
    return Task("ships", "", "texts", [], examples[: num // 2], examples[num // 2 :], examples[num // 2 :], [])


def load_model(folder: Path, finetuning: FineTuning = FINETUNING) -> TextGenerationModel:
    return TextGenerationModel.load(folder, make_task(), finetuning, random=False, seed=0).eval()


@pytest.mark.slow
def test_a_mapping_of_words_is_learnt(folder: Path) -> None:
    data = make_task(longest=2)
    with use_one_thread():
        head = TextGenerationModel.load(folder, data, FINETUNING, random=False, seed=0)
        splits = [head.make_examples(head.tokenizer, part) for part in (data.train, data.validation)]
        fitted = fit_model(head, *splits, FINETUNING, 0.005, 0)
        loss, answers = head.evaluate(splits[1])
    scores = load_task_type(data).score_answers(data, data.validation, answers)
    assert scores["rougeL"].value > 0.8
    assert scores["unended"].value < 0.2
    assert loss == fitted.best.loss
    assert fitted.best.score == pytest.approx(np.exp(-loss))


def test_only_the_target_is_learnt(folder: Path) -> None:
    """The loss is the sum of the true tokens' log-likelihoods, each foretold from the source and those before it."""
    model = load_model(folder)
    source, target = [5, 6, 7, 3], [8, 9, 3]
    losses = model.generator.compute_losses([source], [target]).tolist()
    stock, start = model.generator.body, model.generator.start_id
    for position, token in enumerate(target):
        with torch.no_grad():
            if model.generator.has_encoder:
                inputs = {"input_ids": [source], "decoder_input_ids": [[start, *target[:position]]]}
            else:
                inputs = {"input_ids": [[*source, *target[:position]]]}
            logits = stock(**{name: torch.tensor(ids) for name, ids in inputs.items()}).logits[0, -1]
        assert losses[position] == pytest.approx(-float(logits.log_softmax(-1)[token]), abs=1e-4)
    assert len(losses) == len(target)


def test_what_stands_beside_a_text_changes_nothing(folder: Path) -> None:
    model = load_model(folder)
    sources = [[5, 3], [6, 7, 8, 9, 10, 3], [11, 12, 3]]
    targets = [[13, 14, 15, 3], [16, 3], [17, 18, 3]]
    together = model.generator.compute_losses(sources, targets)
    alone = [
        model.generator.compute_losses([source], [target]) for source, target in zip(sources, targets, strict=True)
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    for beams in (1, 3):
        generated = model.generator.generate(sources, 6, beams)
        assert generated == [model.generator.generate([ids], 6, beams)[0] for ids in sources]
        assert all(0 < len(ids) <= 6 for ids in generated)


def test_one_seed_gives_one_model_and_random_weights_others(folder: Path) -> None:
    sources, targets = [[5, 6, 3]], [[7, 8, 3]]
    first, again, other, stored = (
        TextGenerationModel.load(folder, make_task(), FINETUNING, random=random, seed=seed)
        .eval()
        .generator.compute_losses(sources, targets)
        for random, seed in ((True, 0), (True, 0), (True, 1), (False, 1))
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(stored, other)


def test_what_is_cut_is_counted(folder: Path) -> None:
    model = load_model(folder, FineTuning(max_length=8, max_target_length=4))
    rows = [
        {"text": "oak " * 7, "wanted": ["sail " * 3], "origin": ""},
        {"text": "oak " * 8, "wanted": ["sail " * 4], "origin": ""},
    ]
    table = build_table(rows, GenerationTask.columns)
    examples = model.make_examples(model.tokenizer, table)
    assert [len(example.ids) for example in examples] == [8, 8]
    assert [len(example.target.ids) for example in examples] == [4, 4]
    assert (
        {example.ids[-1] for example in examples}
        == {example.target.ids[-1] for example in examples}
        == {model.generator.end_id}
    )
    _, answers = model.evaluate(examples)
    assert answers["source_cut"].to_list() == answers["target_cut"].to_list() == [False, True]
    scores = GenerationTask().score_answers(make_task(), table, answers)
    assert (scores["source_cut"].value, scores["target_cut"].value) == (0.5, 0.5)


def test_a_text_ends_once() -> None:
    assert truncate_with_end([5, 3], 4, 3) == ([5, 3], False)
    assert truncate_with_end([5], 4, 3) == ([5, 3], False)
    assert truncate_with_end([5, 6, 7, 8], 4, 3) == ([5, 6, 7, 3], True)


def test_a_decoder_leaves_room_for_the_target(checkpoint: Path) -> None:
    model = load_model(checkpoint, FineTuning(max_length=64, max_target_length=20))
    assert (model.max_source_length, model.max_target_length) == (44, 20)
    with pytest.raises(StageFailure, match="64 positions has no room for a text before one of 60 tokens"):
        TextGenerationModel.check_support(checkpoint, FineTuning(max_target_length=60))


def test_settings_of_a_stock_folder_do_not_decide(checkpoint: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.generation_config.update(min_new_tokens=6, num_beams=3, repetition_penalty=9.0)
    model.save_pretrained(tmp_path)
    copy_tokenizer(tmp_path, checkpoint)
    sources = [[5, 6, 3], [7, 3]]
    assert load_model(tmp_path).generator.generate(sources, 6, 1) == load_model(checkpoint).generator.generate(
        sources, 6, 1
    )


def test_a_model_that_writes_nothing_is_refused_before_any_fit(checkpoint: Path, tmp_path: Path) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForMaskedLM(BertConfig(vocab_size=40, **shape)).save_pretrained(tmp_path)
    copy_tokenizer(tmp_path, checkpoint)
    make_task().save(tmp_path / "ships.parquet")
    settings = Evaluate(finetuning=FINETUNING)
    with pytest.raises(StageFailure, match="BertForMaskedLM, which generates no text"):
        find_unsupported(settings, tmp_path, [tmp_path / "ships.parquet"], {})
    with pytest.raises(StageFailure, match="BertForMaskedLM, which generates no text"):
        load_model(tmp_path)
    find_unsupported(settings, checkpoint, [tmp_path / "ships.parquet"], {})


def test_a_tokenizer_without_an_end_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(checkpoint).save_pretrained(tmp_path)
    tokenizer = CheckpointTokenizer(checkpoint, 8).hf_tokenizer.backend_tokenizer
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>").save_pretrained(tmp_path)
    with pytest.raises(StageFailure, match="has no end token"):
        TextGenerationModel.check_support(tmp_path, FINETUNING)


def test_less_data_than_a_batch_is_enough(checkpoint: Path) -> None:
    data = make_task(num=4)
    finetuning = FineTuning(min_steps=2, batch_size=8, max_length=16, max_target_length=6)
    with use_one_thread():
        head = TextGenerationModel.load(checkpoint, data, finetuning, random=True, seed=0)
        examples = head.make_examples(head.tokenizer, data.train)
        assert len(fit_model(head, examples, examples, finetuning, 0.01, 0).losses) == 2


def test_words_for_bleu_follow_the_script() -> None:
    assert choose_bleu_tokenizer([["a red bird"]]) == "13a"
    assert choose_bleu_tokenizer([["今天天气很好"]]) == "zh"
    assert choose_bleu_tokenizer([["今日はいい天気です"]]) == "char"


@pytest.mark.parametrize(
    "text", ["วันนี้อากาศดีมาก", "ມື້ນີ້ອາກາດດີຫຼາຍ", "ថ្ងៃនេះអាកាសធាតុល្អណាស់", "ယနေ့ရာသီဥတုကောင်းသည်"], ids=["th", "lo", "km", "my"]
)
def test_a_text_in_a_script_without_spaces_is_like_itself(text: str) -> None:
    scores = score_generations([[text]], [text], choose_bleu_tokenizer([[text]]))
    assert scores["bleu"].value == pytest.approx(1.0)


def test_scores_are_shares_and_chinese_is_compared_by_character() -> None:
    rows = build_table([{"text": "", "wanted": ["今天天气很好"], "origin": ""}], GenerationTask.columns)
    scores = GenerationTask().score_answers(make_task(), rows, rows.select(written="text"))
    assert {name: score.value for name, score in scores.items()} == dict.fromkeys(scores, 0.0)
    exact = GenerationTask().score_answers(make_task(), rows, rows.select(written=rows["wanted"].list.first()))
    assert [exact[name].value for name in GenerationTask.metrics] == [pytest.approx(1.0)] * 5
    half = GenerationTask().score_answers(
        make_task(), rows, rows.select(written=rows["wanted"].list.first().str.head(3))
    )
    assert half["rouge1"].value == pytest.approx(2 * 3 / 9)
