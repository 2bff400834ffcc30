import pytest
import torch
from pydantic import ValidationError
from transformers import BertForMaskedLM, GPT2LMHeadModel

from tasks.model.architecture import Architecture
from tasks.model.vocabulary import Vocabulary

VOCABULARY = Vocabulary(size=50, pad=0, start=2, end=3, mask=4)


def test_sizes_go_by_name_and_each_part_can_be_set() -> None:
    assert Architecture(size="tiny").shape == (2, 128, 2)
    assert Architecture(size="tiny", layers=3, width=192, heads=6).shape == (3, 192, 6)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValidationError, match="heads must divide the width: 100 is not a multiple of 3"):
        Architecture(width=100, heads=3)


@pytest.mark.parametrize(("family", "model"), [("bert", BertForMaskedLM), ("gpt2", GPT2LMHeadModel)])
def test_builds_the_transformers_class_of_the_family_without_dropout(family: str, model: type) -> None:
    built = Architecture(family=family, size="tiny", context=16).build(VOCABULARY, seed=0)
    assert type(built) is model
    assert built.config.vocab_size == 50
    rates = [module.p for module in built.modules() if isinstance(module, torch.nn.Dropout)]
    assert rates
    assert set(rates) == {0.0}
    assert built.get_output_embeddings().weight is built.get_input_embeddings().weight


def test_the_seed_decides_the_weights_and_nothing_else_does() -> None:
    settings = Architecture(size="tiny", context=16)
    torch.manual_seed(1)
    first = settings.build(VOCABULARY, seed=0).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(1)
    other = settings.build(VOCABULARY, seed=1).state_dict()
    assert torch.equal(drawn, torch.rand(1)), "building must leave torch's own randomness alone"
    again = settings.build(VOCABULARY, seed=0).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["transformer.wte.weight"], other["transformer.wte.weight"])
