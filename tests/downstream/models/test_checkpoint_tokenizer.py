"""Texts that spell special tokens, as the evaluation reads them."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, pre_tokenizers

from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer


@pytest.mark.parametrize("splits_at_signs", [True, False])
def test_special_tokens_in_a_text_are_text(masked: Path, tmp_path: Path, *, splits_at_signs: bool) -> None:
    for name in ("tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((masked / name).read_bytes())
    backend = Tokenizer.from_file(str(masked / "tokenizer.json"))
    if not splits_at_signs:
        # the words are looked up as they are, so that the vocabulary itself holds "<mask>"
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = CheckpointTokenizer(tmp_path, 32)
    control_ids = {backend.token_to_id(token) for token in ("<pad>", "<bos>", "<eos>", "<mask>")}
    text = "the <mask> of <eos> and <pad> oak"
    (ids,) = tokenizer([text])
    ((ids_with_offsets, _),) = tokenizer.encode_with_offsets([text])
    for read_ids in (ids, ids_with_offsets, tokenizer.encode_prompt(text), *tokenizer.encode_untruncated([text])):
        assert read_ids
        assert not control_ids & set(read_ids)
    assert ids[0] == backend.token_to_id("the")
    # the special tokens keep their names for the code that puts them in
    assert tokenizer.hf_tokenizer.mask_token_id == backend.token_to_id("<mask>")
