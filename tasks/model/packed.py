"""A transformers model as objectives see it: packed rows go in, hidden states and losses come out.

Shape suffixes: B rows, T places in a row, D width, N predicted places, V vocabulary.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.model.projection import linear_cross_entropy

# what stands between the last hidden states and the vocabulary projection
TRANSFORMS = {"bert": "cls.predictions.transform"}


def document_mask(documents_BT: Tensor, *, causal: bool) -> Tensor:
    """Who may look at whom: (B, 1, T, T), True within one document, and with `causal` only at what came before.

    transformers separates packed documents by itself for causal models only, and only if it can tell them from the
    position ids; a mask of four dimensions is taken as it is by every model. Padding is a document of its own, so no
    row of the mask is empty and no softmax becomes NaN.
    """
    mask_BTT = documents_BT[:, :, None] == documents_BT[:, None, :]
    if causal:
        mask_BTT = mask_BTT.tril()
    return mask_BTT[:, None]


class PackedModel:
    """Wraps a transformers model for rows that hold several documents each."""

    def __init__(self, module: PreTrainedModel, *, causal: bool) -> None:
        self.module = module
        self.causal = causal
        self.trunk: nn.Module = module.base_model
        head = module.get_output_embeddings()  # type: ignore[no-untyped-call]
        assert isinstance(head, nn.Linear)
        self.head = head
        family = str(module.config.model_type)
        # BERT-like models transform what is projected; only predicted places need it
        self.transform = module.get_submodule(TRANSFORMS[family]) if family in TRANSFORMS else nn.Identity()

    def hidden(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Last hidden states (B, T, D) of rows given as `tokens`, `positions` and `documents`, each (B, T)."""
        given = {"use_cache": False} if self.causal else {}
        states: Tensor = self.trunk(
            input_ids=batch["tokens"],
            position_ids=batch["positions"],
            attention_mask=document_mask(batch["documents"], causal=self.causal),
            **given,
        ).last_hidden_state
        return states

    def token_loss(self, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
        """Sum of the cross entropies over the targets that are not negative."""
        return linear_cross_entropy(self.transform(hidden_ND), self.head.weight, self.head.bias, targets_N)
