"""A transformers model as objectives see it: packed rows go in, hidden states and losses come out.

Shape suffixes: B rows, T places in a row (S in a source's), D width, N predicted places, V vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from tasks.errors import StageFailure
from tasks.model import attention
from tasks.model.architecture import Reads
from tasks.model.hardware import Hardware
from tasks.model.projection import linear_cross_entropy


def _roberta(module: Any, hidden_ND: Tensor) -> Tensor:
    head = module.lm_head
    transformed: Tensor = head.layer_norm(functional.gelu(head.dense(hidden_ND)))
    return transformed


def _t5(module: Any, hidden_ND: Tensor) -> Tensor:
    config = module.config
    # older releases of transformers scale exactly when they tie
    scaled = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
    return hidden_ND * config.d_model**-0.5 if scaled else hidden_ND


# what stands between the last hidden states and the vocabulary projection: only predicted places need it
TRANSFORMS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": lambda module, hidden: module.cls.predictions.transform(hidden),
    "roberta": _roberta,
    "modernbert": lambda module, hidden: module.head(hidden),
    "electra": lambda module, hidden: module.generator_predictions(hidden),
    "t5": _t5,
}


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


def source_mask(documents_BT: Tensor, sources_BS: Tensor) -> Tensor:
    """At which places of the source a target may look: (B, 1, T, S), True in the source of its own document.

    Padding may look at everything, since the source need not have any; its states reach no loss.
    """
    mask_BTS = (documents_BT[:, :, None] == sources_BS[:, None, :]) | (documents_BT < 0)[:, :, None]
    return mask_BTS[:, None]


def _whole(documents_BT: Tensor, positions_BT: Tensor) -> bool:
    """Whether each row is one document, and there is a gain in knowing it: a GPU would have to be waited for."""
    if documents_BT.is_cuda or documents_BT.any():
        return False
    places_T = torch.arange(positions_BT.size(1))
    return bool((positions_BT == places_T).all())


def near_mask(length: int, most: int, device: torch.device) -> Tensor:
    """Which places of a row are at most so many apart: (T, T)."""
    places_T = torch.arange(length, device=device)
    near_TT: Tensor = (places_T[:, None] - places_T[None, :]).abs() <= most
    return near_TT


class PackedModel:
    """Wraps a transformers model for rows that hold several documents each."""

    def __init__(self, module: PreTrainedModel, reads: Reads) -> None:
        self.module = module
        self.reads = reads
        self.family = str(module.config.model_type)
        self.compiled = False
        self.trunk: Any = module.base_model
        self.head: nn.Linear | None = module.get_output_embeddings()  # type: ignore[no-untyped-call]
        # BART's bias is a buffer, and zero in almost every checkpoint: then it costs nothing
        shifts = getattr(module, "final_logits_bias", None)
        self.shifts = shifts is not None and bool(shifts.any())
        # RoBERTa numbers its places from the padding token's number on
        self.first_place = module.config.pad_token_id + 1 if self.family == "roberta" else 0

    def suit(self, hardware: Hardware) -> None:
        """Attend and compile as is best for the hardware; the result is the same but for rounding."""
        if hardware.attention == "varlen":
            attention.use_varlen(self.module)
        self.compiled = hardware.compiles
        if self.compiled:
            self.trunk.compile()

    def hidden(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Last hidden states (B, T, D) of rows given as `tokens`, `positions` and `documents`, each (B, T).

        Of an encoder–decoder these are the source; what it is to write are `targets` (negative where nothing is),
        `decoder_positions` and `decoder_documents`, and the states are the decoder's. `types`, if there, are BERT's
        token types.
        """
        if self.reads == "pairs":
            return self._decoded(batch)
        given: dict[str, Any] = {"token_type_ids": batch["types"]} if "types" in batch else {}
        if self.reads == "left":
            given["use_cache"] = False
        given |= self._separated(batch["documents"], batch["positions"])
        positions = batch["positions"] + self.first_place
        states: Tensor = self.trunk(input_ids=batch["tokens"], position_ids=positions, **given).last_hidden_state
        return states

    def _separated(self, documents_BT: Tensor, positions_BT: Tensor) -> dict[str, Any]:
        """What keeps documents apart: where they end, or a mask."""
        # asked of the module, as a copy of it attends in the same way
        if self.module.config._attn_implementation == attention.NAME:  # noqa: SLF001 - there is no public way to ask
            return {"cu_seq_lens_q": attention.boundaries(documents_BT), "max_length_q": documents_BT.size(1)}
        if self.family != "modernbert" and _whole(documents_BT, positions_BT):
            return {"attention_mask": None}
        mask = document_mask(documents_BT, causal=self.reads == "left")
        if self.family != "modernbert":
            return {"attention_mask": mask}
        near = near_mask(mask.size(-1), self.module.config.local_attention // 2, mask.device)
        return {"attention_mask": {"full_attention": mask, "sliding_attention": mask & near}}

    def _decoded(self, batch: Mapping[str, Tensor]) -> Tensor:
        sources, documents, positions = batch["documents"], batch["decoder_documents"], batch["decoder_positions"]
        # each token is guessed from those before it in its document, the first from the model's start token
        before = batch["targets"].roll(1, dims=1).clamp_min(0)
        tokens = torch.where(positions == 0, self.module.config.decoder_start_token_id, before)
        encoder, decoder = self.trunk.get_encoder(), self.trunk.get_decoder()
        with _restarting(encoder, batch["positions"]):
            mask = document_mask(sources, causal=False)
            encoded = encoder(input_ids=batch["tokens"], attention_mask=mask).last_hidden_state
        with _restarting(decoder, positions):
            states: Tensor = decoder(
                input_ids=tokens,
                attention_mask=document_mask(documents, causal=True),
                encoder_hidden_states=encoded,
                encoder_attention_mask=source_mask(documents, sources),
                use_cache=False,
            ).last_hidden_state
        return states

    def token_loss(self, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
        """Sum of the cross entropies over the targets that are not negative.

        Raises StageFailure for a model that guesses no tokens.
        """
        if self.head is None:
            raise StageFailure(
                f"family {self.family} tells replaced tokens from original ones and guesses none",
                "Set pretrain.architecture.family to another, or pretrain.objective.kind to replaced_token_detection",
            )
        bias = self.module.get_buffer("final_logits_bias")[0] if self.shifts else self.head.bias
        return linear_cross_entropy(
            self.transform(hidden_ND), self.head.weight, bias, targets_N, compiled=self.compiled
        )

    def transform(self, hidden_ND: Tensor) -> Tensor:
        """What the vocabulary projection gets."""
        transform = TRANSFORMS.get(self.family)
        return hidden_ND if transform is None else transform(self.module, hidden_ND)


@contextmanager
def _restarting(stack: nn.Module, positions_BT: Tensor) -> Iterator[None]:
    """BART numbers the places of a row by itself; within this they are those given, which restart in each document.

    T5 has no table of places: it knows distances only, and those within a document are right.
    """
    table = getattr(stack, "embed_positions", None)
    if table is None:
        yield
        return

    def replaced(table: Any, _given: Any, _made: Any) -> Tensor:
        return functional.embedding(positions_BT + table.offset, table.weight)

    hook = table.register_forward_hook(replaced)
    try:
        yield
    finally:
        hook.remove()
