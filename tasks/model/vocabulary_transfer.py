"""Give a model another vocabulary: shared tokens keep their embeddings, new ones begin as the mean of their parts.

Fast Vocabulary Transfer: Gee et al. 2022, arXiv:2402.09977.

Shape suffixes: V vocabulary, D hidden size.
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

WORDPIECE_PREFIX = "##"  # WordPiece's mark of a token that continues a word
TokenParts = list[list[int]]
"""for each new token the ids of the old tokens that it is made of; empty where there are none"""


def map_to_old_tokens(old: Path, new: Path) -> TokenParts:
    """Return, for each token of the tokenizer in `new`, the ids of the tokens of `old` that it is made of.

    Special tokens are matched by their role. Raises StageFailure when a folder holds no tokenizer.
    """
    old_vocabulary, new_vocabulary = read_vocabulary(old), read_vocabulary(new)
    old_tokenizer, new_tokenizer = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (old, new))
    parts = _map_by_spelling(old_tokenizer, new_tokenizer, old_vocabulary)
    for role in ("pad", "start", "end", "mask"):  # their texts may differ, as <bos> and [CLS]
        new_id, old_id = getattr(new_vocabulary, role), getattr(old_vocabulary, role)
        if new_id is not None and old_id is not None:
            parts[new_id] = [old_id]
    return parts


def _map_by_spelling(old_tokenizer: Tokenizer, new_tokenizer: Tokenizer, old_vocabulary: Vocabulary) -> TokenParts:
    same_spelling = _decoder_type(old_tokenizer) == _decoder_type(new_tokenizer)
    special = {token_id for token_id, token in new_tokenizer.get_added_tokens_decoder().items() if token.special}
    parts: TokenParts = []
    for new_id in range(new_tokenizer.get_vocab_size()):
        token = new_tokenizer.id_to_token(new_id) or ""
        # the same text is the same token only if both tokenizers spell tokens in the same way
        old_id = old_tokenizer.token_to_id(token) if same_spelling or new_id in special else None
        if old_id is not None:
            parts.append([old_id])
        elif new_id in special:
            parts.append([])
        else:
            is_continuation = token.startswith(WORDPIECE_PREFIX)
            # `decode` would keep the ## of a token that stands alone, so it is cut off by hand.
            text = token[2:] if is_continuation else new_tokenizer.decode([new_id], skip_special_tokens=False)
            ids = old_tokenizer.encode(text, add_special_tokens=False).ids
            parts.append([old_token for old_token in ids if not old_vocabulary.is_special[old_token]])
    return parts


def _decoder_type(tokenizer: Tokenizer) -> Any:
    """Return the type of the tokenizer's decoder, which tells how tokens are spelled: as bytes, with ## or with ▁."""
    return (json.loads(tokenizer.to_str())["decoder"] or {}).get("type")


def replace_vocabulary(module: PreTrainedModel, parts: TokenParts) -> None:
    """Replace the model's embeddings, and its vocabulary projection, by those of new tokens made of old ones."""
    # The same vocabulary: nothing to do, and the weights stay bit for bit.
    if parts == [[token_id] for token_id in range(module.config.vocab_size)]:
        return
    # computed before the embeddings are resized, which drops old rows
    new_values = [_average_parts(tensor, parts) for tensor in _token_matrices(module)]
    module.resize_token_embeddings(len(parts), mean_resizing=False)
    with torch.no_grad():
        for tensor, values in zip(_token_matrices(module), new_values, strict=True):
            tensor.copy_(values)


def _token_matrices(module: Any) -> list[Tensor]:
    """List all tensors that have a row for each token, as matrices."""
    # A tied head shares the embeddings' matrix, and must be listed once.
    matrices: list[Tensor] = [module.get_input_embeddings().weight]
    head = module.get_output_embeddings()
    if head is not None:
        matrices += [head.weight] if head.weight is not matrices[0] else []
        # A bias is a column, as a matrix with one entry a token, so that all are averaged alike.
        matrices += [head.bias[:, None]] if head.bias is not None else []
    if hasattr(module, "final_logits_bias"):  # BART's
        matrices.append(module.final_logits_bias.T)
    return matrices


def _average_parts(matrix_VD: Tensor, parts: TokenParts) -> Tensor:
    """Return the mean over the rows of each token's parts; over all rows where a token has none."""
    ids = torch.tensor([old_id for ids_of_token in parts for old_id in ids_of_token])
    sizes = torch.tensor([len(ids_of_token) for ids_of_token in parts])
    with torch.no_grad():
        # sizes.cumsum(0) - sizes are the offsets of the tokens' parts; an empty bag gives zeros
        means = functional.embedding_bag(ids, matrix_VD, sizes.cumsum(0) - sizes, mode="mean")
        means[sizes == 0] = matrix_VD.mean(0)
    return means
