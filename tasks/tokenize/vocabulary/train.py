"""Train a vocabulary: byte-level BPE, WordPiece or Unigram."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tasks.tokenize.encoder.split_points import SPLIT_PATTERN
from tasks.tokenize.encoder.unigram import choose_entries
from tasks.tokenize.vocabulary.sample_limit import TextBatches
from tasks.tokenize.vocabulary.special_tokens import (
    BOS,
    EOS,
    MASK,
    SPECIAL,
    UNK,
    list_further_tokens,
    make_mask_token,
)

Algorithm = Literal["bpe", "wordpiece", "unigram"]

CONTINUATION = "##"  # before a WordPiece token that continues a word
# At most this fraction of a WordPiece vocabulary is single characters; the rarest are left to <unk>.
MAX_CHARACTER_FRACTION = 1 / 3

MAX_WORD_CHARS = 1000
OVERLONG_RUN = re.compile(rf"\w{{{MAX_WORD_CHARS}}}|[^\w\s]{{{MAX_WORD_CHARS}}}")

SEED_FACTOR = 2  # a Unigram vocabulary is chosen from this many times as many byte pairs


def train_tokenizer(
    texts: TextBatches, algorithm: Algorithm, size: int, *, lowercase: bool, sentinels: int
) -> Tokenizer:
    """Train a tokenizer of at most `size` entries; `texts` yields all batches again at every call."""
    further = list_further_tokens(sentinels)
    special = [*SPECIAL, *further]

    # Words are broken for training only: the finished tokenizer sees texts as they are.
    def read_texts() -> Iterator[list[str]]:
        return ([break_long_words(text) for text in batch] for batch in texts())

    if algorithm == "bpe":
        tokenizer = train_bpe(read_texts, size, special)
    elif algorithm == "unigram":
        tokenizer = train_unigram(read_texts, size, special)
    else:
        tokenizer = train_wordpiece(read_texts, size, special, lowercase=lowercase)
    mask = make_mask_token(takes_space=algorithm != "wordpiece")
    tokenizer.add_special_tokens([*SPECIAL[:MASK], mask, *further])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B:1 <eos>:1",
        special_tokens=[("<bos>", BOS), ("<eos>", EOS)],
    )
    return tokenizer


def break_long_words(text: str) -> str:
    """Return the text with line ends in overlong words.

    Training takes time quadratic in the length of a word: 45 s for one of 300,000 characters.
    """
    if len(text) < MAX_WORD_CHARS or max(map(len, text.split()), default=0) < MAX_WORD_CHARS:
        return text
    return OVERLONG_RUN.sub(r"\g<0>\n", text)


def make_word_splitter() -> pre_tokenizers.PreTokenizer:
    """Make the pre-tokenizer that splits text into the words that BPE and Unigram tokens never cross."""
    return pre_tokenizers.Split(Regex(SPLIT_PATTERN), "isolated")


def make_byte_tokenizer(model: models.Model) -> Tokenizer:
    """Make a tokenizer over bytes, which reproduces every text and has no unknown words (Radford et al., 2019)."""
    tokenizer = Tokenizer(model)
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([make_word_splitter(), to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_bpe(texts: TextBatches, size: int, special: list[str]) -> Tokenizer:
    """Train byte-pair encoding of bytes (Sennrich et al., 2016)."""
    tokenizer = make_byte_tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def train_unigram(texts: TextBatches, size: int, special: list[str]) -> Tokenizer:
    """Train a unigram model over bytes, which takes the likeliest split of each word (Kudo, 2018)."""
    seeds = train_bpe(texts, SEED_FACTOR * size, special)
    entries = choose_entries(seeds, texts(), size, special)
    return make_byte_tokenizer(models.Unigram(entries, unk_id=UNK, byte_fallback=False))


def train_wordpiece(texts: TextBatches, size: int, special: list[str], *, lowercase: bool) -> Tokenizer:
    """Train BERT's WordPiece; every Chinese character is a word (Devlin et al., 2019)."""
    trained = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNK]))
    trained.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=True)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    alphabet = select_alphabet(texts(), trained.normalizer, int(size * MAX_CHARACTER_FRACTION))
    # the trainer would number the ## characters, and break ties, in the order of a randomly seeded hash table
    continuations = [CONTINUATION + letter for letter in alphabet if not is_split_off(letter)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*special, *continuations],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=CONTINUATION,
        show_progress=False,
    )
    trained.train_from_iterator(texts(), trainer)
    # made a second time, because the trainer marked the ## characters as special
    model = models.WordPiece(trained.get_vocab(), unk_token=SPECIAL[UNK], continuing_subword_prefix=CONTINUATION)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = trained.normalizer, trained.pre_tokenizer
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    return tokenizer


def select_alphabet(texts: Iterable[list[str]], normalizer: normalizers.Normalizer, max_characters: int) -> list[str]:
    """Return the most frequent characters after normalisation, ties by code point; sorted."""
    counts: Counter[str] = Counter()
    for batch in texts:
        for text in batch:
            counts.update(normalizer.normalize_str(text))
    ranked = sorted((-count, letter) for letter, count in counts.items() if not letter.isspace())
    return sorted(letter for _, letter in ranked[:max_characters])


def is_split_off(letter: str) -> bool:
    """Tell whether BERT's pre-tokenizer makes the character a word of its own, so that it never continues a word."""
    return letter in string.punctuation or unicodedata.category(letter)[0] == "P" or is_han(ord(letter))


def is_han(code: int) -> bool:
    """Tell whether a code point is in the blocks that BERT's normalizer puts spaces around."""
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )
