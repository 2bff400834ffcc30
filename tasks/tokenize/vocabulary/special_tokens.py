"""The special tokens: one set that serves every objective, so that no vocabulary is trained again for a new one."""

import json
from pathlib import Path
from typing import NamedTuple

from tokenizers import AddedToken, Tokenizer

# Causal and masked objectives share these: <bos> is also what BERT calls [CLS], <eos> what it calls [SEP].
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>", "<mask>")
PAD, UNK, BOS, EOS, MASK = range(len(SPECIAL))
ROLES = {
    "pad_token": PAD, "unk_token": UNK, "bos_token": BOS, "cls_token": BOS, "eos_token": EOS, "sep_token": EOS,
    "mask_token": MASK,
}  # fmt: skip
SAME_ROLE = {"bos_token": "cls_token", "cls_token": "bos_token", "eos_token": "sep_token", "sep_token": "eos_token"}

FURTHER = (
    "<fim_prefix>", "<fim_middle>", "<fim_suffix>",  # fill in the middle, Bavarian et al., 2022
    "<mode_r>", "<mode_s>", "<mode_x>",  # the denoiser of a mixture, UL2: Tay et al., 2022
    "<e1>", "</e1>", "<e2>", "</e2>",  # around two entities, Baldini Soares et al., 2019
    *(f"<spare_{index}>" for index in range(6)),  # for later objectives
)  # fmt: skip


def list_further_tokens(sentinels: int) -> list[str]:
    """List the special tokens behind SPECIAL; a sentinel stands for a span that was cut out (T5, arXiv:1910.10683)."""
    return [*FURTHER, *(f"<extra_id_{index}>" for index in range(sentinels))]


def make_mask_token(*, takes_space: bool) -> AddedToken:
    """Make the mask token; in byte-level vocabularies it takes the space before it, as words do."""
    return AddedToken(SPECIAL[MASK], lstrip=takes_space, special=True)


class SavedTokenizer(NamedTuple):
    """A saved tokenizer, and the ids of those special tokens that encoding needs."""

    tokenizer: Tokenizer
    end: int
    unknown: int  # -1 when there is none


def load_tokenizer(folder: Path) -> SavedTokenizer:
    """Load a saved tokenizer."""
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end_text, unknown_text = (config.get(role) for role in ("eos_token", "unk_token"))
    # GPT-2 has one token for both, which then says nothing about unknown text
    unknown = tokenizer.token_to_id(unknown_text) if unknown_text and unknown_text != end_text else None
    end = tokenizer.token_to_id(end_text)
    assert end is not None, "save_tokenizer() names an end token of the vocabulary"
    return SavedTokenizer(tokenizer, end, -1 if unknown is None else unknown)


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, roles: dict[str, str], others: list[str], **options: object
) -> None:
    """Write the folder that `AutoTokenizer.from_pretrained` opens without our code."""
    # transformers takes seconds to import
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    added = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=others,
        **{role: added.get(token, token) for role, token in roles.items()},
        **options,
    )  # type: ignore[no-untyped-call]
    wrapped.save_pretrained(folder)


def save_trained_tokenizer(tokenizer: Tokenizer, folder: Path, sentinels: int) -> None:
    """Write the folder of a tokenizer that was trained here, as `save_tokenizer` does."""
    roles = {role: SPECIAL[index] for role, index in ROLES.items()}
    save_tokenizer(tokenizer, folder, roles, list_further_tokens(sentinels))
