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
    "<mode_r>", "<mode_s>", "<mode_x>",  # which denoiser of a mixture, UL2: Tay et al., 2022
    "<e1>", "</e1>", "<e2>", "</e2>",  # round two entities, Baldini Soares et al., 2019
    *(f"<spare_{number}>" for number in range(6)),  # for what is not thought of yet
)  # fmt: skip


def list_further_tokens(sentinels: int) -> list[str]:
    """The special tokens behind SPECIAL. A sentinel stands for a span that was taken out (T5: Raffel et al., 2020)."""
    return [*FURTHER, *(f"<extra_id_{number}>" for number in range(sentinels))]


def make_mask_token(*, takes_space: bool) -> AddedToken:
    """In byte-level vocabularies a mask stands for a word with the space before it, as words have theirs."""
    return AddedToken(SPECIAL[MASK], lstrip=takes_space, special=True)


class SavedTokenizer(NamedTuple):
    """A saved tokenizer, and of its special tokens those that encoding must know."""

    tokenizer: Tokenizer
    end: int
    unknown: int  # -1 when there is none


def load_tokenizer(folder: Path) -> SavedTokenizer:
    """Read a saved tokenizer."""
    names = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end, unknown = (names.get(role) for role in ("eos_token", "unk_token"))
    number = tokenizer.token_to_id(unknown) if unknown and unknown != end else None
    last = tokenizer.token_to_id(end)
    assert last is not None, "save() names an end token of the vocabulary"
    return SavedTokenizer(tokenizer, last, -1 if number is None else number)


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, roles: dict[str, str], others: list[str], **settings: object
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
        **settings,
    )  # type: ignore[no-untyped-call]
    wrapped.save_pretrained(folder)


def save_trained_tokenizer(tokenizer: Tokenizer, folder: Path, sentinels: int) -> None:
    """The same for a tokenizer that was trained here."""
    save_tokenizer(
        tokenizer, folder, {role: SPECIAL[number] for role, number in ROLES.items()}, list_further_tokens(sentinels)
    )
