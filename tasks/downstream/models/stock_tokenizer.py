"""The tokenizer of a model's folder as stock code calls it, so that our predictions are those of that code.

What a head needs is in the folder's tokenizer and not in our code: where a tokenizer puts nothing between two texts, or
no end behind one, its template of special tokens is exchanged before training.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import processors

from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.errors import StageFailure

FAST_TOKENIZER_CLASS = "PreTrainedTokenizerFast"
"""the class that opens tokenizer.json as it is; others build the template of their family anew"""


class StockTokenizer(CheckpointTokenizer):
    """A checkpoint's tokenizer whose saved form gives the same ids in stock code."""

    def __init__(self, checkpoint: Path, max_length: int, *, ends_texts: bool = False) -> None:
        """Load the tokenizer; with `ends_texts` the end token stands behind each text.

        Raises StageFailure for a folder without a fast tokenizer.
        """
        super().__init__(checkpoint, max_length)
        if getattr(self.hf_tokenizer, "backend_tokenizer", None) is None:
            raise StageFailure(
                f"the tokenizer in {checkpoint} has no tokenizer.json",
                "Convert it: save_pretrained of a fast tokenizer",
            )
        # as stock code has it, where a special token that is spelled in a text is kept from being one by a switch
        self.encode_texts = self.hf_tokenizer
        self.hf_tokenizer.model_max_length = self.max_length
        self.hf_tokenizer.padding_side = "right"
        self.is_changed = False
        end = self.hf_tokenizer.eos_token_id
        end = self.hf_tokenizer.sep_token_id if end is None else end
        if self.hf_tokenizer.pad_token_id is None:
            self.hf_tokenizer.pad_token = self.hf_tokenizer.convert_ids_to_tokens(end if end is not None else 0)
        needs_end = ends_texts and end is not None and self.encode_texts("a")["input_ids"][-1:] != [end]
        needs_separator = end is not None and self._joins_pairs()
        if needs_end or needs_separator:
            self._exchange_template(end, ends_texts=needs_end)
        if "token_type_ids" in self.hf_tokenizer.model_input_names and not self._has_usual_token_types():
            self.hf_tokenizer.model_input_names = ["input_ids", "attention_mask"]

    @property
    def pad_id(self) -> int:
        """The id of the padding token."""
        return int(self.hf_tokenizer.pad_token_id)

    def find_token_types(self, ids: list[int]) -> list[int]:
        """Return the token types of encoded texts: 0 up to the first separator, 1 after it; empty where there are none.

        Raises ValueError for ids without a separator.
        """
        if "token_type_ids" not in self.hf_tokenizer.model_input_names:
            return []
        end = ids.index(self.hf_tokenizer.sep_token_id) + 1
        return [0] * end + [1] * (len(ids) - end)

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files, such that AutoTokenizer gives the same ids."""
        self.hf_tokenizer.save_pretrained(folder)
        path = folder / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        # a folder's own place is none of the model's facts
        config.pop("name_or_path", None)
        if self.is_changed:
            config["tokenizer_class"] = FAST_TOKENIZER_CLASS
        config["model_input_names"] = list(self.hf_tokenizer.model_input_names)
        path.write_text(json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")

    def _joins_pairs(self) -> bool:
        """Return whether nothing stands between two texts."""
        pair, one = (len(self.encode_texts(*texts)["input_ids"]) for texts in ("ab", "a"))
        return bool(pair == one + len(self.encode_texts("b", add_special_tokens=False)["input_ids"]))

    def _exchange_template(self, end: int, *, ends_texts: bool) -> None:
        """Put the end token between two texts and, with `ends_texts`, behind the last one."""
        backend: Any = self.hf_tokenizer.backend_tokenizer
        ids, inner = (self.encode_texts("a", add_special_tokens=flag)["input_ids"] for flag in (True, False))
        start = ids.index(inner[0]) if inner and inner[0] in ids else 0
        before, after = ids[:start], ids[start + len(inner) :]
        used = list(dict.fromkeys([*before, *after, end]))
        names = {token_id: self.hf_tokenizer.convert_ids_to_tokens(token_id) for token_id in used}
        suffix = [*after, end] if ends_texts else after
        first, last = (" ".join(f"{names[token_id]}:0" for token_id in part) for part in (before, suffix))
        template = processors.TemplateProcessing(
            single=f"{first} $A:0 {last}".strip(),
            pair=f"{first} $A:0 {names[end]}:0 $B:0 {last}".strip(),
            special_tokens=[(names[token_id], token_id) for token_id in used],
        )
        backend.post_processor = processors.Sequence([*_list_offset_processors(backend), template])
        self.is_changed = True

    def _has_usual_token_types(self) -> bool:
        encoding = self.encode_texts("a", "b")
        try:
            return bool(self.find_token_types(encoding["input_ids"]) == encoding["token_type_ids"])
        except ValueError:
            return False


def _list_offset_processors(backend: Any) -> list[processors.PostProcessor]:
    """Return the processors of a tokenizer that only trim the offsets of tokens; those of templates are left out."""
    state = json.loads(backend.to_str())["post_processor"] or {}
    states = state.get("processors", []) if state.get("type") == "Sequence" else [state]
    return [
        processors.ByteLevel(trim_offsets=bool(inner.get("trim_offsets", True)))
        for inner in states
        if inner.get("type") == "ByteLevel"
    ]
