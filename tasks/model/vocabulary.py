"""A tokenizer's vocabulary as models need it: its size, and its special tokens."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tasks.errors import StageFailure
from tasks.model.word_boundaries import WordBoundaries, read_spellings

MAX_SENTINELS = 1000


@dataclass(frozen=True)
class Vocabulary:
    """The size of a vocabulary, and the ids of its special tokens.

    `start` is <bos> or <cls>, `end` is <eos> or <sep>.
    """

    size: int
    pad: int
    start: int | None = None
    end: int | None = None
    mask: int | None = None
    sentinels: tuple[int, ...] = ()
    """<extra_id_0>, <extra_id_1> and so on: each replaces a span that was taken out"""
    special: tuple[int, ...] = ()
    """all special tokens that the tokenizer names; the fields above are special anyway"""
    tokenizer: Tokenizer | None = field(default=None, repr=False, compare=False)
    """the tokenizer itself, for objectives that must know how tokens are spelled"""

    @cached_property
    def is_special(self) -> npt.NDArray[np.bool_]:
        """Flags by id. Special tokens may have any id: RoBERTa's <mask> is the last one."""
        special = np.zeros(self.size, dtype=bool)
        roles = [token for token in (self.pad, self.start, self.end, self.mask) if token is not None]
        special[[*roles, *self.sentinels, *self.special]] = True
        return special

    @cached_property
    def ordinary_ids(self) -> npt.NDArray[np.int64]:
        """The ids that are not special."""
        return np.flatnonzero(~self.is_special)

    @cached_property
    def word_boundaries(self) -> WordBoundaries:
        """The spelling of each token, by which words are found. Needs a vocabulary of `read_vocabulary`."""
        assert self.tokenizer is not None, "read_vocabulary sets it"
        return WordBoundaries(read_spellings(self.tokenizer))

    def find_token_id(self, text: str) -> int | None:
        """Return the id of a token by its text, e.g. <fim_prefix>; None if there is no such token."""
        return None if self.tokenizer is None else self.tokenizer.token_to_id(text)


def read_vocabulary(tokenizer: Path) -> Vocabulary:
    """Read the vocabulary from a saved fast tokenizer's folder. Raises StageFailure when it holds none."""
    try:
        config = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
        fast_tokenizer = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    except Exception as error:  # the tokenizers library raises plain Exception
        raise StageFailure(f"no tokenizer can be read in {tokenizer}: {error}", "Rebuild the tokens") from error

    def find_special(*roles: str) -> int | None:
        texts = [config.get(role) for role in roles]
        # older files keep a token as an object with its text in "content"
        plain = [text["content"] if isinstance(text, dict) else text for text in texts if text]
        return next((token_id for token_id in map(fast_tokenizer.token_to_id, plain) if token_id is not None), None)

    # token_to_id gives None for a text that is no token; those are dropped below.
    sentinels = list(map(fast_tokenizer.token_to_id, map("<extra_id_{}>".format, range(MAX_SENTINELS))))
    added = fast_tokenizer.get_added_tokens_decoder()
    return Vocabulary(
        size=fast_tokenizer.get_vocab_size(),
        # `or 0` also where there is none: padding is masked, so any id serves.
        pad=find_special("pad_token") or 0,
        start=find_special("bos_token", "cls_token"),
        end=find_special("eos_token", "sep_token"),
        mask=find_special("mask_token"),
        sentinels=tuple(token_id for token_id in sentinels if token_id is not None),
        special=tuple(sorted(token_id for token_id, added_token in added.items() if added_token.special)),
        tokenizer=fast_tokenizer,
    )
