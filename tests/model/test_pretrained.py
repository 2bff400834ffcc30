"""An existing model goes on with other tokens, or is refused by name before anything is trained."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import BertModel, PreTrainedTokenizerFast

from tasks.errors import StageFailure
from tasks.model.architecture import MODEL_KINDS, Architecture
from tasks.model.families import build_model
from tasks.model.layer_decay import compute_rate_factors
from tasks.model.pretrained import load_pretrained
from tasks.model.vocabulary import read_vocabulary
from tasks.model.vocabulary_transfer import map_to_old_tokens, replace_vocabulary

SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>", "<mask>"]
LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())


def save_tokenizer(folder: Path, merges: list[str], special: list[str] = SPECIAL) -> Path:
    """Byte pairs with these merges, e.g. "a b": old ones first, so that numbers of old tokens may move."""
    words = [*special, *LETTERS, *(merge.replace(" ", "") for merge in merges)]
    pairs = [(left, right) for left, right in (merge.split() for merge in merges)]
    table = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=pairs))
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    table.decoder = decoders.ByteLevel()
    roles = dict(zip(("pad_token", "unk_token", "bos_token", "eos_token", "mask_token"), special, strict=False))
    PreTrainedTokenizerFast(tokenizer_object=table, extra_special_tokens=special[5:], **roles).save_pretrained(folder)
    return folder


def small_architecture(family: str, **changes: object) -> Architecture:
    defaults = {"family": family, "num_layers": 2, "hidden_size": 32, "num_heads": 2, "max_length": 16}
    return Architecture.model_validate(defaults | changes)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each family, with its tokenizer."""
    root = tmp_path_factory.mktemp("old")
    for family in MODEL_KINDS:
        folder = save_tokenizer(root / family, ["t h", "th e"])
        model = build_model(small_architecture(family), read_vocabulary(folder), seed=7)
        for name in ("hidden_dropout_prob", "resid_pdrop", "dropout_rate", "attention_dropout"):
            if hasattr(model.config, name):
                setattr(model.config, name, 0.1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        model.save_pretrained(folder)
    return root


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with three more tokens and one special token more."""
    merges = ["t h", "th e", "i n", "Ġ the", "in the"]
    return save_tokenizer(tmp_path_factory.mktemp("new"), merges, [*SPECIAL, "<spare>"])


def load(folder: Path, family: str, tokens: Path, **changes: object) -> object:
    return load_pretrained(folder, small_architecture(family, **changes), tokens, read_vocabulary(tokens), seed=0)[0]


@pytest.mark.parametrize("family", list(MODEL_KINDS))
def test_with_its_own_tokens_a_model_is_what_it_was(old: Path, family: str) -> None:
    folder = old / family
    model = load(folder, family, folder)
    saved = load_file(folder / "model.safetensors")
    state = model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in saved.items())
    assert not any(value for name, value in model.config.to_dict().items() if "drop" in name)


def token_matrices(model: object) -> dict[str, torch.Tensor]:
    """What has a row a token, by the tokenizer's words."""
    matrices = {"in": model.get_input_embeddings().weight}
    if (head := model.get_output_embeddings()) is not None:
        matrices["out"] = head.weight
        if head.bias is not None:
            matrices["bias"] = head.bias[:, None]
    return matrices


@pytest.mark.parametrize("family", list(MODEL_KINDS))
def test_new_tokens_begin_as_the_mean_of_their_parts(old: Path, new: Path, family: str, tmp_path: Path) -> None:
    folder = old / family
    before, model = load(folder, family, folder), load(folder, family, new)
    ours, theirs = (Tokenizer.from_file(str(each / "tokenizer.json")) for each in (new, folder))
    number, was = ours.token_to_id, theirs.token_to_id
    assert model.config.vocab_size == ours.get_vocab_size() == theirs.get_vocab_size() + 4
    given = token_matrices(before)
    assert set(token_matrices(model)) == set(given)
    for name, matrix in token_matrices(model).items():
        for word in ("<bos>", "<mask>", "a", "the"):
            assert torch.equal(matrix[number(word)], given[name][was(word)])
        for word, parts in {"in": "i n", "Ġthe": "Ġ the", "inthe": "i n the"}.items():
            mean = torch.stack([given[name][was(part)] for part in parts.split()]).mean(0)
            torch.testing.assert_close(matrix[number(word)], mean)
        torch.testing.assert_close(matrix[number("<spare>")], given[name].mean(0))
    # what is not by the token stays, ties stay ties, and the result opens again as it is
    others = {name: tensor for name, tensor in before.named_parameters() if len(tensor) != before.config.vocab_size}
    assert all(torch.equal(tensor, model.get_parameter(name)) for name, tensor in others.items())
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    words = read_vocabulary(new)
    assert (model.config.pad_token_id, model.config.eos_token_id) == (words.pad, words.end)
    if MODEL_KINDS[family] == "encoder_decoder":
        assert model.config.decoder_start_token_id == (words.pad if family == "t5" else words.end)


def test_special_tokens_are_found_by_their_role_and_words_of_another_spelling_by_their_text(
    old: Path, tmp_path: Path
) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##the", "thea"]
    table = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    table.decoder = decoders.WordPiece()
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=table, mask_token="[MASK]", **roles)
    wrapped.save_pretrained(tmp_path)
    was = Tokenizer.from_file(str(old / "bert" / "tokenizer.json")).token_to_id
    assert map_to_old_tokens(old / "bert", tmp_path) == [
        [0],
        [],
        [2],
        [3],
        [4],
        [was("the")],
        [was("the")],
        [was("the"), was("a")],
    ]


def test_tokens_can_also_become_fewer(old: Path, tmp_path: Path) -> None:
    model = load(old / "gpt2", "gpt2", old / "gpt2")
    row = model.get_input_embeddings().weight[5].detach().clone()
    replace_vocabulary(model, [[5], [1, 2]])
    assert model.get_input_embeddings().weight.shape[0] == model.config.vocab_size == 2
    assert torch.equal(model.get_input_embeddings().weight[0], row)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"family": "roberta"}, "is a bert, and not a roberta"),
        ({"num_layers": 3}, "has num_layers 2, and not 3"),
        ({"hidden_size": 64}, "has hidden_size 32, and not 64"),
        ({"num_heads": 4}, "has num_heads 2, and not 4"),
        ({"max_length": 32}, "can read 16 tokens at once, and not 32"),
    ],
)
def test_a_model_of_another_shape_is_refused(old: Path, changes: dict[str, object], what: str) -> None:
    with pytest.raises(StageFailure, match=what):
        load_pretrained(
            old / "bert",
            small_architecture(**{"family": "bert"} | changes),
            old / "bert",
            read_vocabulary(old / "bert"),
            0,
        )


def test_a_folder_that_is_none_a_broken_one_and_one_without_weights_are_named(old: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="cannot be read"):
        load(tmp_path, "bert", old / "bert")
    model = load(old / "bert", "bert", old / "bert")
    model.config.save_pretrained(tmp_path)
    with pytest.raises(StageFailure, match="cannot be loaded"):
        load(tmp_path, "bert", old / "bert")
    saved = load_file(old / "bert" / "model.safetensors")
    part = {name: tensor for name, tensor in saved.items() if ".layer.1." not in name}
    save_file(part, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(StageFailure, match=r"lacks 16 weights, the first is bert\.encoder\.layer\.1\."):
        load(tmp_path, "bert", old / "bert")


def test_without_a_tokenizer_the_vocabulary_sizes_must_agree(old: Path, new: Path, tmp_path: Path) -> None:
    load(old / "bert", "bert", old / "bert").save_pretrained(tmp_path)
    assert load(tmp_path, "bert", old / "bert").config.vocab_size == read_vocabulary(old / "bert").size
    with pytest.raises(StageFailure, match="has 263 embeddings, and the tokens have 267"):
        load(tmp_path, "bert", new)


def test_roberta_counts_its_positions_from_the_padding_token_on(old: Path, tmp_path: Path) -> None:
    moved = save_tokenizer(tmp_path, ["t h"], ["<unk>", "<pad>", "<bos>", "<eos>", "<mask>"])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_file=str(moved / "tokenizer.json"), pad_token="<pad>", unk_token="<unk>", eos_token="<eos>"
    )
    wrapped.save_pretrained(moved)
    with pytest.raises(StageFailure, match="counts its positions from the padding token's id 0 on"):
        load(old / "roberta", "roberta", moved)


def test_a_missing_head_begins_at_random_by_the_seed(old: Path, tmp_path: Path) -> None:
    save_tokenizer(tmp_path, ["t h", "th e"])
    BertModel.from_pretrained(old / "bert", add_pooling_layer=False).save_pretrained(tmp_path)
    one, two = (load(tmp_path, "bert", old / "bert").state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("family", list(MODEL_KINDS))
def test_layers_further_from_the_output_move_less(family: str) -> None:
    model = build_model(small_architecture(family), make_vocabulary(50), seed=0)
    factors = compute_rate_factors(model, 0.5)
    assert set(factors) == set(model.parameters())
    assert factors[model.get_input_embeddings().weight] == 0.125
    assert set(factors.values()) in ({0.125, 0.25, 0.5}, {0.125, 0.25, 0.5, 1.0})
    assert set(compute_rate_factors(model, 1.0).values()) == {1.0}


def make_vocabulary(size: int) -> object:
    from tasks.model.vocabulary import Vocabulary

    return Vocabulary(size=size, pad=0, start=2, end=3, mask=4)
