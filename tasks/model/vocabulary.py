"""What a model must know of its tokenizer: how many tokens, and which are special."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tasks.errors import StageFailure
from tasks.model.words import Words, spelling

MOST_SENTINELS = 1000


@dataclass(frozen=True)
class Vocabulary:
    """The size and the special tokens. `start` is <bos> or <cls>, `end` is <eos> or <sep>."""

    size: int
    pad: int
    start: int | None = None
    end: int | None = None
    mask: int | None = None
    sentinels: tuple[int, ...] = ()
    """<extra_id_0>, <extra_id_1> and so on: each stands for a span that was taken out"""
    special: tuple[int, ...] = ()
    """all special tokens that the tokenizer names; those above are special anyway"""
    table: Tokenizer | None = field(default=None, repr=False, compare=False)
    """the tokenizer itself, for objectives that must know how tokens are spelled"""

    @cached_property
    def is_special(self) -> npt.NDArray[np.bool_]:
        """For each id whether it is special. They may stand anywhere: RoBERTa's <mask> is the last token."""
        special = np.zeros(self.size, dtype=bool)
        roles = [token for token in (self.pad, self.start, self.end, self.mask) if token is not None]
        special[[*roles, *self.sentinels, *self.special]] = True
        return special

    @cached_property
    def ordinary(self) -> npt.NDArray[np.int64]:
        """The ids that are not special."""
        return np.flatnonzero(~self.is_special)

    @cached_property
    def words(self) -> Words:
        """Which tokens make words."""
        assert self.table is not None, "read_vocabulary gives it"
        return Words(spelling(self.table))

    def token(self, text: str) -> int | None:
        """The number of a token by its text, e.g. <fim_prefix>."""
        return None if self.table is None else self.table.token_to_id(text)


def read_vocabulary(tokenizer: Path) -> Vocabulary:
    """Read a saved fast tokenizer's folder. Raises StageFailure when it holds none."""
    try:
        names = json.loads((tokenizer / "tokenizer_config.json").read_text(encoding="utf-8"))
        table = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise StageFailure(f"no tokenizer can be read in {tokenizer}: {error}", "Rebuild the tokens") from error

    def token(*roles: str) -> int | None:
        texts = [names.get(role) for role in roles]
        # older files keep a token as an object with its text in "content"
        plain = [text["content"] if isinstance(text, dict) else text for text in texts if text]
        return next((number for number in map(table.token_to_id, plain) if number is not None), None)

    sentinels = list(map(table.token_to_id, map("<extra_id_{}>".format, range(MOST_SENTINELS))))
    added = table.get_added_tokens_decoder()
    return Vocabulary(
        size=table.get_vocab_size(),
        pad=token("pad_token") or 0,
        start=token("bos_token", "cls_token"),
        end=token("eos_token", "sep_token"),
        mask=token("mask_token"),
        sentinels=tuple(number for number in sentinels if number is not None),
        special=tuple(sorted(number for number, each in added.items() if each.special)),
        table=table,
    )
