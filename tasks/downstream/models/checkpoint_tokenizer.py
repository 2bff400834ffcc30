"""The tokenizer of a checkpoint: texts in, token ids out, truncated to what the model reads."""

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer

from tasks.errors import StageFailure
from tasks.model.load_from_folder import load_from_folder
from tasks.runtime.literal_text import hide_special_tokens

TokenIds = list[list[int]]
CharacterOffsets = list[tuple[int, int]]
"""start and end of each token in its text, in characters"""


class TokenWindow(NamedTuple):
    """Consecutive tokens of a text that is longer than the model reads at once."""

    text: int
    """index of the text"""
    is_first: bool
    """whether the window is the beginning of its text"""
    ids: list[int]
    ends: list[int]
    """end of each token in the text, in characters"""
    is_new: list[bool]
    """for each token whether it is of the text itself and in no earlier window"""


def make_text_encoder(hf_tokenizer: Any) -> Any:
    """Return a tokenizer like this one, from whose texts no special token comes."""
    backend = getattr(hf_tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        return hf_tokenizer  # no fast tokenizer: `split_special_tokens` is all that there is
    # a second one, as the first must still decode special tokens, and find them by name
    text_encoder = copy.copy(hf_tokenizer)
    text_encoder._tokenizer = hide_special_tokens(backend)  # noqa: SLF001 - transformers has no way to exchange it
    return text_encoder


class CheckpointTokenizer:
    """The checkpoint's tokenizer, limited to the longest text that model and settings allow.

    A special token that is spelled in a text is text, as in pretraining: its id never comes out of a text.
    """

    def __init__(self, checkpoint: Path, max_length: int, reserved: int = 0) -> None:
        """Load the tokenizer; `reserved` of the model's positions stay free, for a soft prompt.

        Raises StageFailure for a folder without a tokenizer, or when the reserved positions leave none.
        """
        try:
            # the one that decodes, and knows the special tokens by name
            self.hf_tokenizer: Any = load_from_folder(AutoTokenizer, checkpoint, split_special_tokens=True)
            config: Any = load_from_folder(AutoConfig, checkpoint)
        except (OSError, ValueError, KeyError) as error:
            raise StageFailure(
                f"{checkpoint} holds no tokenizer: {error}", "Give a folder with tokenizer.json"
            ) from error
        if set(self.hf_tokenizer.get_vocab()) <= set(self.hf_tokenizer.all_special_tokens):
            # without the tokenizer's files transformers makes one that knows no word, and raises nothing
            raise StageFailure(f"{checkpoint} holds no tokenizer", "Give a folder with tokenizer.json")
        # models with relative positions, such as T5, have no table and no limit
        limit = getattr(config, "max_position_embeddings", None) or max_length + reserved
        # model_max_length is some 10^30 where the tokenizer's files name no limit.
        self.max_length = min(max_length, limit - reserved, self.hf_tokenizer.model_max_length)
        if self.max_length < 1:
            raise StageFailure(
                f"the model has {limit} positions, and a prompt of {reserved} tokens leaves none", "Shorten the prompt"
            )
        self.vocab_size = int(config.vocab_size)
        self.encode_texts = make_text_encoder(self.hf_tokenizer)

    def __call__(self, texts: list[str], seconds: list[str] | None = None) -> TokenIds:
        """Return the token ids of every text, or of every pair as one, truncated to the maximum length.

        Raises StageFailure for ids that the model does not have.
        """
        if seconds and self.lacks_pair_separator:
            seconds = [f"\n{second}" for second in seconds]
        encoding = self.encode_texts(texts, seconds, truncation=True, max_length=self.max_length)
        return self._check_ids(encoding["input_ids"])

    def encode_untruncated(self, texts: list[str]) -> TokenIds:
        """Return all token ids of every text, however long."""
        return self._check_ids(self.encode_texts(texts, verbose=False)["input_ids"])

    def encode_prompt(self, prompt: str) -> list[int]:
        """Return the token ids of one text alone, without the special tokens around it."""
        (ids,) = self._check_ids([self.encode_texts(prompt, add_special_tokens=False, verbose=False)["input_ids"]])
        return ids

    def encode_with_offsets(self, texts: list[str]) -> list[tuple[list[int], CharacterOffsets]]:
        """Return the token ids of every text, truncated, and the start and end of each token in characters."""
        encoding = self.encode_texts(texts, truncation=True, max_length=self.max_length, return_offsets_mapping=True)
        return list(zip(self._check_ids(encoding["input_ids"]), encoding["offset_mapping"], strict=True))

    def encode_in_windows(
        self, first: str, second: str, stride_fraction: float
    ) -> list[tuple[list[int], CharacterOffsets]]:
        """Return token ids of the complete first text with a window of the second, for overlapping windows over it.

        The offsets are those of each token in the second text, in characters; (-1, -1) for other tokens. Windows
        overlap by `stride_fraction` of the room that the first text leaves.
        """
        shift = 1 if self.lacks_pair_separator else 0
        # 3: special tokens of a pair at most, beside those that the first text has alone
        room = self.max_length - len(self.encode_texts(first)["input_ids"]) - 3
        encoding = self.encode_texts(
            first,
            "\n" * shift + second,
            truncation="only_second",
            max_length=self.max_length,
            stride=max(0, int(room * stride_fraction)),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows = []
        # the line break before the second text is none of its characters, so offsets are shifted back
        for index, ids in enumerate(self._check_ids(encoding["input_ids"])):
            spans = zip(encoding["offset_mapping"][index], encoding.sequence_ids(index), strict=True)
            offsets = [
                (start - shift, end - shift) if sequence == 1 and end > shift else (-1, -1)
                for (start, end), sequence in spans
            ]
            windows.append((ids, offsets))
        return windows

    def split_into_windows(self, texts: list[str], spare: int) -> Iterator[TokenWindow]:
        """Yield the windows of all texts, untruncated, each `spare` tokens shorter than the maximum length.

        A window repeats half of the previous one.
        """
        # with half a window repeated, every token but a text's first ones has half a window of context before it
        # `overlap` is counted in the text's own tokens: special tokens are in each window anew.
        length = self.max_length - spare
        overlap = (length - self.encode_texts.num_special_tokens_to_add()) // 2
        encoding = self.encode_texts(
            texts,
            truncation=True,
            max_length=length,
            stride=overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        special_masks, text_indices = encoding["special_tokens_mask"], encoding["overflow_to_sample_mapping"]
        previous = -1
        for ids, offsets, special_mask, text in zip(
            self._check_ids(encoding["input_ids"]), encoding["offset_mapping"], special_masks, text_indices, strict=True
        ):
            # Only the first window of a text is new from its first token on.
            num_repeated = overlap if text == previous else 0
            ranks = np.cumsum(1 - np.array(special_mask, np.int64))  # 1 for the first token of the text itself
            is_new = [not special and rank > num_repeated for special, rank in zip(special_mask, ranks, strict=True)]
            yield TokenWindow(text, text != previous, ids, [end for _, end in offsets], is_new)
            previous = text

    @functools.cached_property
    def lacks_pair_separator(self) -> bool:
        """True where the tokenizer puts nothing between two texts; a line break then separates them."""
        # a pair is longer than its two texts where the tokenizer separates them
        pair, one = (len(self.encode_texts(*texts)["input_ids"]) for texts in ("ab", "a"))
        return bool(pair == one + len(self.encode_texts("b", add_special_tokens=False)["input_ids"]))

    def _check_ids(self, token_ids: TokenIds) -> TokenIds:
        # torch itself would only say that an index is out of range, and name neither file
        highest = max((max(ids) for ids in token_ids if ids), default=0)
        if highest >= self.vocab_size:
            raise StageFailure(
                f"the tokenizer gives the id {highest}, and the model has {self.vocab_size} entries",
                "Give a checkpoint whose tokenizer belongs to its model",
            )
        return token_ids
