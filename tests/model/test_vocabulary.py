from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary, read_vocabulary


def save_tokenizer(folder: Path, **special: object) -> None:
    words = ["<pad>", "<unk>", "[CLS]", "[SEP]", "<mask>", "word"]
    table = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=table, pad_token="<pad>", unk_token="<unk>", **special).save_pretrained(
        folder
    )


def test_special_tokens_are_found_under_either_name(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, cls_token="[CLS]", sep_token="[SEP]", mask_token="<mask>")
    assert read_vocabulary(tmp_path) == Vocabulary(size=6, pad=0, start=2, end=3, mask=4, special=(0, 1, 2, 3, 4))
    assert read_vocabulary(tmp_path).ordinary_ids.tolist() == [5]


def test_what_the_tokenizer_lacks_is_none(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, eos_token="[SEP]")
    assert read_vocabulary(tmp_path) == Vocabulary(size=6, pad=0, start=None, end=3, mask=None, special=(0, 1, 3))


def test_special_tokens_may_stand_anywhere_and_sentinels_are_in_order(tmp_path: Path) -> None:
    names = ["<extra_id_1>", "<extra_id_0>", "<extra_id_2>", "<spare_0>"]
    save_tokenizer(tmp_path, mask_token="<late_mask>", extra_special_tokens=names)
    vocabulary = read_vocabulary(tmp_path)
    table = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert vocabulary.sentinels == tuple(table.token_to_id(f"<extra_id_{number}>") for number in range(3))
    assert vocabulary.mask == table.token_to_id("<late_mask>") > 5
    assert vocabulary.is_special[[vocabulary.mask, *vocabulary.sentinels, table.token_to_id("<spare_0>")]].all()
    assert vocabulary.ordinary_ids.tolist() == [2, 3, 4, 5]


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=f"no tokenizer can be read in {tmp_path}"):
        read_vocabulary(tmp_path)
