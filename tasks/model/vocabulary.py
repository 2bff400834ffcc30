"""What a model must know of its tokenizer: how many tokens, and which are special."""

import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from tasks.failure import StageFailure


@dataclass(frozen=True)
class Vocabulary:
    """The size and the special tokens. `start` is <bos> or <cls>, `end` is <eos> or <sep>."""

    size: int
    pad: int
    start: int | None = None
    end: int | None = None
    mask: int | None = None

    @property
    def num_special(self) -> int:
        """Ids below this are special: tokenizers are trained with the special tokens first."""
        return 1 + max(token for token in (self.pad, self.start, self.end, self.mask) if token is not None)


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

    return Vocabulary(
        size=table.get_vocab_size(),
        pad=token("pad_token") or 0,
        start=token("bos_token", "cls_token"),
        end=token("eos_token", "sep_token"),
        mask=token("mask_token"),
    )
