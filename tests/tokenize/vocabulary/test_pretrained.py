import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tasks.errors import StageFailure
from tasks.tokenize.vocabulary.pretrained import adopt_tokenizer, digest_tokenizer
from tasks.tokenize.vocabulary.special_tokens import list_further_tokens, load_tokenizer
from tests.tokenize.samples import train_foreign, train_small


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One token that is everything, as GPT-2 has it."""
    folder = tmp_path_factory.mktemp("gpt2")
    end = "<|endoftext|>"
    PreTrainedTokenizerFast(
        tokenizer_object=train_foreign(None), bos_token=end, eos_token=end, unk_token=end, model_max_length=1024
    ).save_pretrained(folder)
    return folder


def make_bert(folder: Path) -> Path:
    """BERT's own names."""
    tokenizer = Tokenizer.from_str(
        train_small("wordpiece").to_str().replace("<bos>", "[CLS]").replace("<eos>", "[SEP]")
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="<pad>", unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_missing_special_tokens_are_numbered_behind_the_last(gpt2: Path, tmp_path: Path) -> None:
    before = Tokenizer.from_file(str(gpt2 / "tokenizer.json"))
    counts = adopt_tokenizer(tmp_path, str(gpt2), "add", 5)
    opened = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    size = before.get_vocab_size()
    assert counts == {"added": 2 + len(list_further_tokens(5))}
    assert len(opened) == size + counts["added"]
    assert opened.eos_token_id == opened.bos_token_id == opened.cls_token_id == opened.sep_token_id == 0
    assert (opened.pad_token_id, opened.mask_token_id) == (size, size + 1)
    assert opened.convert_tokens_to_ids(list_further_tokens(5)) == list(range(size + 2, len(opened)))
    assert opened.model_max_length == 1024
    text = "don't stop 北京 at 1898"
    assert opened(text)["input_ids"] == before.encode(text).ids
    assert load_tokenizer(tmp_path / "tokenizer")[1:] == (0, -1)


def test_names_of_other_families_keep_their_roles(tmp_path: Path) -> None:
    counts = adopt_tokenizer(tmp_path / "out", str(make_bert(tmp_path / "in")), "add", 20)
    opened = AutoTokenizer.from_pretrained(tmp_path / "out" / "tokenizer")
    assert counts == {"added": 0}
    assert (opened.bos_token, opened.eos_token) == (opened.cls_token, opened.sep_token) == ("[CLS]", "[SEP]")
    assert load_tokenizer(tmp_path / "out" / "tokenizer")[1:] == (3, 1)


def test_refused_when_special_tokens_are_missing_and_may_not_be_added(gpt2: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"lacks \d+ special tokens \(<pad>, <mask>, <fim_prefix>.*missing_special"):
        adopt_tokenizer(tmp_path, str(gpt2), "refuse", 0)
    adopt_tokenizer(tmp_path / "out", str(make_bert(tmp_path / "in")), "refuse", 20)


def test_what_is_no_fast_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"tokenize\.tokenizer: .* holds no tokenizer\.json"):
        digest_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(StageFailure, match="cannot be read"):
        digest_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StageFailure, match="cannot be read"):
        digest_tokenizer(str(tmp_path))


def test_the_digest_is_of_what_it_does(gpt2: Path, tmp_path: Path) -> None:
    adopt_tokenizer(tmp_path, str(gpt2), "add", 5)
    folder = tmp_path / "tokenizer"
    first = digest_tokenizer(str(folder))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True, indent=7))
    assert digest_tokenizer(str(folder)) == first != digest_tokenizer(str(gpt2))
