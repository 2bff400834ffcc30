"""Special tokens that a text spells are text, whatever the model of the tokenizer."""

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from tasks.runtime.literal_text import hide_special_tokens

SPECIAL = ["<pad>", "</s>", "<unk>", "<mask>"]


def make_unigram() -> Tokenizer:
    """Like T5's: the special tokens are entries of the model, each likelier than its letters."""
    letters = [(letter, -2.0) for letter in "▁abcdefghijklmnopqrstuvwxyz</>"]
    tokenizer = Tokenizer(models.Unigram([*((token, 0.0) for token in SPECIAL), *letters], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return add_special_tokens(tokenizer)


def make_word_level() -> Tokenizer:
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, "press", "the"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return add_special_tokens(tokenizer)


def make_byte_pairs() -> Tokenizer:
    """One whose merges spell a special token."""
    merges = [("<", "/"), ("</", "s"), ("</s", ">")]
    entries = [*SPECIAL, *"abcdefghijklmnopqrstuvwxyz</> ", "</", "</s"]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    return add_special_tokens(Tokenizer(models.BPE(vocabulary, merges)))


def add_special_tokens(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in [*SPECIAL, "<later>"]])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


@pytest.mark.parametrize("make", [make_unigram, make_word_level, make_byte_pairs])
def test_no_special_token_comes_out_of_a_text(make: object) -> None:
    tokenizer = make()  # type: ignore[operator]
    special = {tokenizer.token_to_id(token) for token in [*SPECIAL, "<later>"]} - {tokenizer.token_to_id("<unk>")}
    plain = tokenizer.encode("press the", add_special_tokens=False).ids
    literal = hide_special_tokens(tokenizer)
    for text in ("</s>", "press <mask> </s>", "the</s>", "<pad><later>"):
        assert not special & set(literal.encode(text, add_special_tokens=False).ids), text
    assert literal.encode("press the", add_special_tokens=False).ids == plain
    assert literal.encode("press the").ids == [*plain, 1]
    assert literal.get_vocab_size() == make().get_vocab_size()  # type: ignore[operator]


def test_a_tokenizer_that_cannot_spell_them_is_not_built_again() -> None:
    tokenizer = make_word_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # splits < from the letters
    assert hide_special_tokens(tokenizer) is tokenizer
