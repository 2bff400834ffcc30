"""A stock head for every kind learns an easy task, on each family of models, and reads what stock code reads."""

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    LlamaConfig,
    RobertaConfig,
    T5Config,
)

from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import FittedModel, fit_model
from tasks.downstream.heads import find_model_class
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.models.stock_tokenizer import StockTokenizer
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.stock_heads import StockModel
from tasks.downstream.stock_heads.relations import mark_spans
from tasks.downstream.stock_heads.tags import continue_tag
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure
from tests.downstream.conftest import make_tokenizer
from tests.downstream.heads.test_heads import make_task

FINETUNING = FineTuning(head="stock", epochs=8, min_steps=60, batch_size=8, max_length=32)
SMALL = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
HALVES = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
FAMILIES = {
    "roberta": (AutoModelForMaskedLM, RobertaConfig(max_position_embeddings=64, **SMALL, **SPECIAL)),
    "llama": (AutoModelForCausalLM, LlamaConfig(max_position_embeddings=64, **SMALL, **SPECIAL)),
    "t5": (
        AutoModelForSeq2SeqLM,
        T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0, **SPECIAL),
    ),
    "bart": (
        AutoModelForSeq2SeqLM,
        BartConfig(
            max_position_embeddings=64,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            decoder_start_token_id=3,
            **HALVES,
            **SPECIAL,
        ),
    ),
}


def make_family(name: str, folder: Path) -> Path:
    """Write a small model of a family, with the tokenizer of the other tests."""
    auto_class, config = FAMILIES[name]
    tokenizer = make_tokenizer()
    config.vocab_size = len(tokenizer)
    torch.manual_seed(0)
    auto_class.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def fit_stock(data: Task, checkpoint: Path, finetuning: FineTuning = FINETUNING, rate: float = 0.01) -> FittedModel:
    with use_one_thread():
        model = find_model_class(data, "stock").load(checkpoint, data, finetuning, random=False, seed=0)
        assert isinstance(model, StockModel)
        train, validation = (model.make_examples(model.tokenizer, part) for part in (data.train, data.validation))
        return fit_model(model, model.select_learnable(train), validation, finetuning, rate, 0)


def score(data: Task, model: StockModel) -> float:
    _, answers = model.evaluate(model.make_examples(model.tokenizer, data.test))
    task_type = load_task_type(data)
    return task_type.score_answers(data, data.test, answers)[task_type.metrics[0]].value


@pytest.mark.parametrize("kind", ["classes", "numbers", "tags", "relations", "answers"])
def test_an_easy_task_is_learnt_by_an_encoder(kind: str, masked: Path) -> None:
    data = make_task(kind)
    assert score(data, fit_stock(data, masked).head) > 0.8  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["numbers", "tags"])
def test_an_easy_task_is_learnt_by_a_decoder(kind: str, checkpoint: Path) -> None:
    data = make_task(kind)
    assert score(data, fit_stock(data, checkpoint).head) > 0.8  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_body_is_the_checkpoints_in_every_family(family: str, tmp_path: Path) -> None:
    folder = make_family(family, tmp_path)
    names = ["classes", "answers"] if family == "bart" else ["classes", "answers", "tags"]
    for kind in names:
        data = make_task(kind)
        model = find_model_class(data, "stock").load(folder, data, FINETUNING, random=False, seed=0)
        assert isinstance(model, StockModel)
        weights = model.stock.get_input_embeddings().weight
        stored = FAMILIES[family][0].from_pretrained(folder).get_input_embeddings().weight
        assert torch.equal(weights, stored), "not drawn at random"
        model.eval()
        examples = model.make_examples(model.tokenizer, data.test)
        alone = torch.cat([model.compute_outputs([example]) for example in examples[:3]])
        together = model.compute_outputs(examples[:3])
        assert torch.allclose(alone, together, atol=1e-5), "padding changes nothing"


def test_a_family_without_a_class_is_refused(tmp_path: Path) -> None:
    folder = make_family("bart", tmp_path)
    with pytest.raises(StageFailure, match="no AutoModelForTokenClassification for a model of the type bart"):
        find_model_class(make_task("tags"), "stock").check_support(folder, FINETUNING)


def test_methods_that_wrap_a_model_are_refused(masked: Path) -> None:
    finetuning = FineTuning.model_validate({"head": "stock", "method": {"kind": "prompt"}})
    with pytest.raises(StageFailure, match="prompt tuning has no place"):
        find_model_class(make_task("classes"), "stock").check_support(masked, finetuning)


def test_the_head_is_trained_whatever_is_frozen(masked: Path) -> None:
    data = make_task("classes")
    finetuning = FineTuning.model_validate(FINETUNING.model_dump() | {"method": {"kind": "head_only"}})
    model = find_model_class(data, "stock").load(masked, data, finetuning, random=False, seed=0)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.removeprefix("stock.") for name in trained} == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }
    assert fit_stock(data, masked, finetuning).losses


def test_the_saved_tokenizer_gives_the_ids_that_the_model_is_trained_on(checkpoint: Path, tmp_path: Path) -> None:
    tokenizer = StockTokenizer(checkpoint, 16, ends_texts=True)
    tokenizer.save(tmp_path)
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    again = StockTokenizer(tmp_path, 16)
    texts, seconds = ["the oak", "a <eos> leaf " * 20], ["of ships", ""]
    assert again(texts) == tokenizer(texts)
    assert again(texts, seconds) == tokenizer(texts, seconds)
    (one,) = again(["the oak"])
    assert one[-1] == 3, "the end token"
    assert again(["the oak"], ["of ships"])[0].count(3) == 2, "between the texts, and behind them"


def test_two_spans_are_marked_wherever_they_stand() -> None:
    assert mark_spans("Ann met Bob", (0, 3, 8, 11)) == " @ Ann @  met  # Bob # "
    assert mark_spans("Ann met Bob", (8, 11, 0, 3)) == " # Ann #  met  @ Bob @ "


def test_a_tag_goes_on_inside_of_its_entity() -> None:
    names = ["B-PER", "I-PER", "O", "S-LOC"]
    assert [names[continue_tag(tag, names)] for tag in range(4)] == ["I-PER", "I-PER", "O", "S-LOC"]
