import pytest
import torch
import transformers
from pydantic import ValidationError

from tasks.model.architecture import MODEL_KINDS, Architecture
from tasks.model.families import build_electra_generator, build_model
from tasks.model.vocabulary import Vocabulary

VOCABULARY = Vocabulary(size=50, pad=0, start=2, end=3, mask=4)


def test_sizes_go_by_name_and_each_part_can_be_set() -> None:
    assert Architecture(size="tiny").shape == (2, 128, 2)
    assert Architecture(size="tiny", num_layers=3, hidden_size=192, num_heads=6).shape == (3, 192, 6)


def test_the_heads_must_divide_the_hidden_size() -> None:
    with pytest.raises(ValidationError, match="num_heads must divide hidden_size: 100 is not a multiple of 3"):
        Architecture(hidden_size=100, num_heads=3)


CLASSES = {
    "bert": "BertForMaskedLM",
    "roberta": "RobertaForMaskedLM",
    "modernbert": "ModernBertForMaskedLM",
    "electra": "ElectraForPreTraining",
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "t5": "T5ForConditionalGeneration",
    "bart": "BartForConditionalGeneration",
}


@pytest.mark.parametrize("family", list(MODEL_KINDS))
def test_builds_the_transformers_class_of_the_family_without_dropout(family: str) -> None:
    built = build_model(Architecture(family=family, size="tiny", max_length=16), VOCABULARY, seed=0)
    assert type(built) is getattr(transformers, CLASSES[family])
    assert built.config.vocab_size == 50
    assert (built.config.hidden_size, built.config.num_hidden_layers, built.config.num_attention_heads) == (128, 2, 2)
    built.train()
    inputs = {"input_ids": torch.arange(5, 15)[None]}
    if MODEL_KINDS[family] == "encoder_decoder":
        inputs["decoder_input_ids"] = inputs["input_ids"]
    assert torch.equal(built(**inputs).logits, built(**inputs).logits), "something is dropped at random"
    head = built.get_output_embeddings()
    assert head is None or head.weight is built.get_input_embeddings().weight


# electra predicts no tokens; T5's embeddings have a deviation of 1 and are tied, so it first predicts its own input
@pytest.mark.parametrize("family", [family for family in MODEL_KINDS if family not in {"electra", "t5"}])
def test_from_random_weights_every_token_is_about_as_likely(family: str) -> None:
    built = build_model(Architecture(family=family, size="tiny", max_length=16), VOCABULARY, seed=0)
    tokens = torch.randint(5, 50, (8, 16), generator=torch.Generator().manual_seed(0))
    given = {"decoder_input_ids": tokens} if MODEL_KINDS[family] == "encoder_decoder" else {}
    logits = built(tokens, **given).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.roll(3, 1).flatten())
    assert loss.item() == pytest.approx(torch.tensor(50.0).log().item(), rel=0.2)


def test_electras_generator_shares_the_embeddings_of_the_discriminator() -> None:
    discriminator = build_model(Architecture(family="electra", size="mini", max_length=16), VOCABULARY, seed=0)
    generator = build_electra_generator(discriminator, hidden_fraction=0.25, seed=0)
    assert (generator.config.hidden_size, generator.config.num_attention_heads) == (64, 1)
    assert generator.electra.embeddings is discriminator.electra.embeddings
    assert generator.get_output_embeddings().weight is discriminator.get_input_embeddings().weight
    assert generator(torch.arange(5, 15)[None]).logits.shape == (1, 10, 50)
    again = build_electra_generator(discriminator, hidden_fraction=0.25, seed=0).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in generator.state_dict().items())


def test_the_seed_decides_the_weights_and_nothing_else_does() -> None:
    settings = Architecture(size="tiny", max_length=16)
    torch.manual_seed(1)
    first = build_model(settings, VOCABULARY, seed=0).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(1)
    other = build_model(settings, VOCABULARY, seed=1).state_dict()
    assert torch.equal(drawn, torch.rand(1)), "building must leave torch's own randomness alone"
    again = build_model(settings, VOCABULARY, seed=0).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["transformer.wte.weight"], other["transformer.wte.weight"])
