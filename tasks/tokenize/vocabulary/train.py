"""Train a vocabulary: byte-level BPE, WordPiece or Unigram."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tasks.tokenize.encoder.split_points import SPLIT_PATTERN
from tasks.tokenize.encoder.unigram import choose_entries
from tasks.tokenize.vocabulary.special_tokens import BOS, EOS, MASK, SPECIAL, UNK, list_further_tokens, make_mask_token

Algorithm = Literal["bpe", "wordpiece", "unigram"]

PREFIX = "##"  # before a WordPiece token that goes on a word
# At most this part of a WordPiece vocabulary is single characters; the rarest are left to <unk>.
MOST_CHARACTERS = 1 / 3

LONGEST_WORD = 1000  # characters
LONG_RUN = re.compile(rf"\w{{{LONGEST_WORD}}}|[^\w\s]{{{LONGEST_WORD}}}")

# A Unigram vocabulary is chosen from so many times as many byte pairs.
SEEDS = 2

Texts = Callable[[], Iterator[list[str]]]


def train_tokenizer(texts: Texts, algorithm: Algorithm, size: int, *, lowercase: bool, sentinels: int) -> Tokenizer:
    """A tokenizer of at most `size` entries; `texts` gives the batches anew at every call."""
    special = [*SPECIAL, *list_further_tokens(sentinels)]
    learnt, texts = texts, lambda: ([broken(text) for text in batch] for batch in learnt())
    if algorithm == "bpe":
        tokenizer = byte_level(texts, size, special)
    elif algorithm == "unigram":
        tokenizer = unigram(texts, size, special)
    else:
        tokenizer = wordpiece(texts, size, special, lowercase=lowercase)
    tokenizer.add_special_tokens(
        [*SPECIAL[:MASK], make_mask_token(takes_space=algorithm != "wordpiece"), *list_further_tokens(sentinels)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B:1 <eos>:1",
        special_tokens=[("<bos>", BOS), ("<eos>", EOS)],
    )
    return tokenizer


def broken(text: str) -> str:
    """The text with line ends in overlong words: training takes time quadratic in a word's length (45 s at 300,000)."""
    if len(text) < LONGEST_WORD or max(map(len, text.split()), default=0) < LONGEST_WORD:
        return text
    return LONG_RUN.sub(r"\g<0>\n", text)


def of_bytes(model: models.Model) -> Tokenizer:
    """A tokenizer over bytes: it gives every text back as it was and knows all (Radford et al., 2019)."""
    tokenizer = Tokenizer(model)
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT_PATTERN), "isolated"), to_bytes]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def byte_level(texts: Texts, size: int, special: list[str]) -> Tokenizer:
    """Byte-pair encoding of bytes (Sennrich et al., 2016)."""
    tokenizer = of_bytes(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def unigram(texts: Texts, size: int, special: list[str]) -> Tokenizer:
    """The likeliest split of each word under a unigram model (Kudo, 2018), over bytes."""
    seeds = byte_level(texts, SEEDS * size, special)
    return of_bytes(models.Unigram(choose_entries(seeds, texts(), size, special), unk_id=UNK, byte_fallback=False))


def wordpiece(texts: Texts, size: int, special: list[str], *, lowercase: bool) -> Tokenizer:
    """BERT's WordPiece; every Chinese character is a word (Devlin et al., 2019)."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNK]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = select_alphabet(texts(), tokenizer.normalizer, int(size * MOST_CHARACTERS))
    # the trainer would number the ## characters, and break ties, in the order of a randomly seeded hash table
    going_on = [PREFIX + letter for letter in alphabet if not is_split_off(letter)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*special, *going_on],
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


def select_alphabet(texts: Iterable[list[str]], normalizer: normalizers.Normalizer, most: int) -> list[str]:
    """The most frequent characters after normalisation, ties by code point; sorted."""
    counts: Counter[str] = Counter()
    for batch in texts:
        for text in batch:
            counts.update(normalizer.normalize_str(text))
    ranked = sorted((-count, letter) for letter, count in counts.items() if not letter.isspace())
    return sorted(letter for _, letter in ranked[:most])


def is_split_off(letter: str) -> bool:
    """Whether BERT's pre-tokenizer makes the character a word of its own, so that it never goes on a word."""
    return letter in string.punctuation or unicodedata.category(letter)[0] == "P" or is_han(ord(letter))


def is_han(code: int) -> bool:
    """The blocks that BERT's normalizer puts spaces around."""
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )
