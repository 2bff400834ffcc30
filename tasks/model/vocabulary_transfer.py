"""A model gets another vocabulary: tokens of both keep their embeddings, new ones begin as the mean of their parts.

Fast Vocabulary Transfer: Gee et al. 2022, arXiv:2402.09977.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from tasks.model.vocabulary import Vocabulary, read_vocabulary

CONTINUES = "##"  # WordPiece's mark of a token that goes on a word
Parts = list[list[int]]


def parts_of(old: Path, new: Path) -> Parts:
    """For each token of the tokenizer in `new` the ids that stand for it in `old`; none when nothing does.

    Raises StageFailure when a folder holds no tokenizer.
    """
    old_words, new_words = read_vocabulary(old), read_vocabulary(new)
    before, after = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (old, new))
    parts = _spelt(before, after, old_words)
    for role in ("pad", "start", "end", "mask"):  # whatever they are called
        here, there = getattr(new_words, role), getattr(old_words, role)
        if here is not None and there is not None:
            parts[here] = [there]
    return parts


def _spelt(before: Tokenizer, after: Tokenizer, words: Vocabulary) -> Parts:
    same_spelling = _decoder(before) == _decoder(after)
    special = {number for number, token in after.get_added_tokens_decoder().items() if token.special}
    parts: Parts = []
    for number in range(after.get_vocab_size()):
        token = after.id_to_token(number) or ""
        known = before.token_to_id(token) if same_spelling or number in special else None
        if known is not None:
            parts.append([known])
        elif number in special:
            parts.append([])
        else:
            text = token[2:] if token.startswith(CONTINUES) else after.decode([number], skip_special_tokens=False)
            ids = before.encode(text, add_special_tokens=False).ids
            parts.append([each for each in ids if not words.is_special[each]])
    return parts


def _decoder(tokenizer: Tokenizer) -> Any:
    """What tells how tokens are spelt: as bytes, with ## or with ▁."""
    return (json.loads(tokenizer.to_str())["decoder"] or {}).get("type")


def revocabulary(module: PreTrainedModel, parts: Parts) -> None:
    """Give the model embeddings, and a vocabulary projection, of tokens that are made of those it has."""
    if parts == [[number] for number in range(module.config.vocab_size)]:
        return
    made = [_means(tensor, parts) for tensor in _by_token(module)]
    module.resize_token_embeddings(len(parts), mean_resizing=False)
    with torch.no_grad():
        for tensor, values in zip(_by_token(module), made, strict=True):
            tensor.copy_(values)


def _by_token(module: Any) -> list[Tensor]:
    """Every tensor with a row for each token, as a matrix."""
    found: list[Tensor] = [module.get_input_embeddings().weight]
    head = module.get_output_embeddings()
    if head is not None:
        found += [head.weight] if head.weight is not found[0] else []
        found += [head.bias[:, None]] if head.bias is not None else []
    if hasattr(module, "final_logits_bias"):  # BART's
        found.append(module.final_logits_bias.T)
    return found


def _means(matrix_VD: Tensor, parts: Parts) -> Tensor:
    """The mean over the rows of each token's parts; over all rows where there are none."""
    ids = torch.tensor([number for each in parts for number in each])
    sizes = torch.tensor([len(each) for each in parts])
    with torch.no_grad():
        means = functional.embedding_bag(ids, matrix_VD, sizes.cumsum(0) - sizes, mode="mean")
        means[sizes == 0] = matrix_VD.mean(0)
    return means
