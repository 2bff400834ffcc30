"""Train a vocabulary, and save it as a transformers tokenizer that opens without our code."""

import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

Algorithm = Literal["bpe", "wordpiece"]

# Causal and masked objectives share one set: <bos> is also what BERT calls [CLS], <eos> what it calls [SEP].
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>", "<mask>")
PAD, UNK, BOS, EOS, MASK = range(len(SPECIAL))
NAMES = {"pad_token": PAD, "unk_token": UNK, "bos_token": BOS, "cls_token": BOS, "eos_token": EOS, "sep_token": EOS}

# What is never merged across: contractions, runs of Han (which have no spaces, so phrases become tokens), words with
# the space before them, numbers three digits at a time, signs, line ends, and indents apart from the word they precede.
BORDERS = (
    r"'(?:[sdmt]|ll|ve|re)(?!\p{L})|\p{Han}+| ?[[\p{L}\p{M}]&&[^\p{Han}]]+| ?\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+|\s*\n|\s+(?!\S)|\s+"
)
PREFIX = "##"  # before a WordPiece token that goes on a word
# At most this part of a WordPiece vocabulary is single characters; the rarest are left to <unk>.
MOST_CHARACTERS = 1 / 3

Texts = Callable[[], Iterator[list[str]]]


def trained(texts: Texts, algorithm: Algorithm, size: int, *, lowercase: bool) -> Tokenizer:
    """A tokenizer of at most `size` entries; `texts` gives the batches anew at every call."""
    tokenizer = byte_level(texts, size) if algorithm == "bpe" else wordpiece(texts, size, lowercase=lowercase)
    # a mask stands for a word with the space before it, as byte-level words have theirs
    tokenizer.add_special_tokens([*SPECIAL[:MASK], AddedToken("<mask>", lstrip=algorithm == "bpe", special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B:1 <eos>:1",
        special_tokens=[("<bos>", BOS), ("<eos>", EOS)],
    )
    return tokenizer


def byte_level(texts: Texts, size: int) -> Tokenizer:
    """Byte-pair encoding of bytes: every text comes back as it was (Radford et al., 2019)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(BORDERS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def wordpiece(texts: Texts, size: int, *, lowercase: bool) -> Tokenizer:
    """BERT's WordPiece; every Chinese character is a word (Devlin et al., 2019)."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNK]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = characters(texts(), tokenizer.normalizer, int(size * MOST_CHARACTERS))
    # the trainer would number the ## characters, and break ties, in the order of a randomly seeded hash table
    going_on = [PREFIX + letter for letter in alphabet if not stands_alone(letter)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *going_on],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=PREFIX,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    # made anew, because the trainer marked the ## characters as special
    made = Tokenizer(models.WordPiece(tokenizer.get_vocab(), unk_token=SPECIAL[UNK], continuing_subword_prefix=PREFIX))
    made.normalizer, made.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    made.decoder = decoders.WordPiece(prefix=PREFIX)
    return made


def characters(texts: Iterable[list[str]], normalizer: normalizers.Normalizer, most: int) -> list[str]:
    """The most frequent characters after normalisation, ties by code point; sorted."""
    counts: Counter[str] = Counter()
    for batch in texts:
        for text in batch:
            counts.update(normalizer.normalize_str(text))
    ranked = sorted((-count, letter) for letter, count in counts.items() if not letter.isspace())
    return sorted(letter for _, letter in ranked[:most])


def stands_alone(letter: str) -> bool:
    """Whether BERT's pre-tokenizer makes the character a word of its own, so that it never goes on a word."""
    return letter in string.punctuation or unicodedata.category(letter)[0] == "P" or is_han(ord(letter))


def is_han(code: int) -> bool:
    """The blocks that BERT's normalizer puts spaces around."""
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the folder that `AutoTokenizer.from_pretrained` opens."""
    # transformers takes seconds to import
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        mask_token=tokenizer.get_added_tokens_decoder()[MASK],
        clean_up_tokenization_spaces=False,
        **{name: SPECIAL[number] for name, number in NAMES.items()},
    )  # type: ignore[no-untyped-call]
    wrapped.save_pretrained(folder)
