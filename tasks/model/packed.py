"""A transformers model as objectives see it: packed rows go in, hidden states and losses come out.

Shape suffixes: B rows, T positions in a row (S in a source's row), D hidden size, N predicted positions, V vocabulary.
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
from tasks.model.architecture import ModelKind
from tasks.model.hardware import Hardware
from tasks.model.projection import linear_cross_entropy


def _roberta_transform(module: Any, hidden_ND: Tensor) -> Tensor:
    head = module.lm_head
    # transformers' RobertaLMHead without its last layer, the projection.
    transformed: Tensor = head.layer_norm(functional.gelu(head.dense(hidden_ND)))
    return transformed


def _t5_transform(module: Any, hidden_ND: Tensor) -> Tensor:
    config = module.config
    # older releases of transformers scale if and only if the embeddings are tied
    scaled = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
    # T5 scales the states before a tied projection: the embeddings are initialised large.
    return hidden_ND * config.d_model**-0.5 if scaled else hidden_ND


# The layers between the last hidden states and the vocabulary projection: only predicted positions need them.
HEAD_TRANSFORMS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": lambda module, hidden: module.cls.predictions.transform(hidden),
    "roberta": _roberta_transform,
    "modernbert": lambda module, hidden: module.head(hidden),
    "electra": lambda module, hidden: module.generator_predictions(hidden),
    "t5": _t5_transform,
}


def make_document_mask(documents_BT: Tensor, *, causal: bool) -> Tensor:
    """Return the attention mask (B, 1, T, T): True within one document, with `causal` only towards earlier positions.

    transformers separates packed documents by itself for causal models only, and only if the position ids show them;
    every model takes a mask of four dimensions as it is. Padding is a document of its own, so no row of the mask is
    empty and no softmax becomes NaN.
    """
    mask_BTT = documents_BT[:, :, None] == documents_BT[:, None, :]
    if causal:
        mask_BTT = mask_BTT.tril()
    return mask_BTT[:, None]


def make_source_mask(documents_BT: Tensor, sources_BS: Tensor) -> Tensor:
    """Return the cross-attention mask (B, 1, T, S): True from a target to the source of its own document.

    Padding attends to everything, since the source may have no padding; its states reach no loss.
    """
    # Documents are numbered alike in both rows, as both come from the same packed row.
    mask_BTS = (documents_BT[:, :, None] == sources_BS[:, None, :]) | (documents_BT < 0)[:, :, None]
    return mask_BTS[:, None]


def _is_single_document(documents_BT: Tensor, positions_BT: Tensor) -> bool:
    """Return whether each row is a single document; always False on a GPU, where asking would wait for the device."""
    # Any index but 0 means padding (-1) or a second document.
    if documents_BT.is_cuda or documents_BT.any():
        return False
    expected_T = torch.arange(positions_BT.size(1))
    return bool((positions_BT == expected_T).all())


def make_local_mask(length: int, max_distance: int, device: torch.device) -> Tensor:
    """Return the mask (T, T) of positions that are at most `max_distance` apart."""
    positions_T = torch.arange(length, device=device)
    mask_TT: Tensor = (positions_T[:, None] - positions_T[None, :]).abs() <= max_distance
    return mask_TT


class PackedModel:
    """Wraps a transformers model for rows that hold several documents each."""

    def __init__(self, module: PreTrainedModel, model_kind: ModelKind) -> None:
        self.module = module
        self.model_kind = model_kind
        self.family = str(module.config.model_type)
        self.compiled = False
        self.trunk: Any = module.base_model
        # None for ELECTRA's discriminator, which predicts no tokens.
        self.head: nn.Linear | None = module.get_output_embeddings()  # type: ignore[no-untyped-call]
        # BART's bias is a buffer, and zero in almost every checkpoint: then it is not added
        logits_bias = getattr(module, "final_logits_bias", None)
        self.has_logits_bias = logits_bias is not None and bool(logits_bias.any())
        # RoBERTa counts positions from the padding token's id + 1 on
        self.position_offset = module.config.pad_token_id + 1 if self.family == "roberta" else 0

    def configure_for(self, hardware: Hardware) -> None:
        """Choose attention and compilation for the hardware; results differ by rounding only."""
        if hardware.attention == "varlen":
            attention.enable_varlen_attention(self.module)
        self.compiled = hardware.compiles
        if self.compiled:
            self.trunk.compile()

    def compute_hidden(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the last hidden states (B, T, D) of rows given as `tokens`, `positions` and `documents`, each (B, T).

        For an encoder–decoder these are the source; the target is given as `targets` (negative where there is none),
        `decoder_positions` and `decoder_documents`, and the states are the decoder's. The optional `types` are BERT's
        token types.
        """
        if self.model_kind == "encoder_decoder":
            return self._run_encoder_decoder(batch)
        arguments: dict[str, Any] = {"token_type_ids": batch["types"]} if "types" in batch else {}
        if self.model_kind == "decoder":
            arguments["use_cache"] = False
        arguments |= self._attention_arguments(batch["documents"], batch["positions"])
        positions = batch["positions"] + self.position_offset
        states: Tensor = self.trunk(input_ids=batch["tokens"], position_ids=positions, **arguments).last_hidden_state
        return states

    def _attention_arguments(self, documents_BT: Tensor, positions_BT: Tensor) -> dict[str, Any]:
        """Return the model's arguments that separate documents: their boundaries, or a mask."""
        # read from the module's configuration, so that it also holds for copies of the module
        if self.module.config._attn_implementation == attention.VARLEN_ATTENTION:  # noqa: SLF001 - there is no public way to ask
            return {
                "cu_seq_lens_q": attention.find_document_boundaries(documents_BT),
                "max_length_q": documents_BT.size(1),
            }
        # Without a mask sdpa can take its fast causal or full kernel; on a CPU that is worth the look at the rows.
        if self.family != "modernbert" and _is_single_document(documents_BT, positions_BT):
            return {"attention_mask": None}
        # ModernBERT takes one mask for its global layers and one for its local ones
        mask = make_document_mask(documents_BT, causal=self.model_kind == "decoder")
        if self.family != "modernbert":
            return {"attention_mask": mask}
        # `local_attention` is the whole window, half of it on each side.
        local_mask = make_local_mask(mask.size(-1), self.module.config.local_attention // 2, mask.device)
        return {"attention_mask": {"full_attention": mask, "sliding_attention": mask & local_mask}}

    def _run_encoder_decoder(self, batch: Mapping[str, Tensor]) -> Tensor:
        sources, documents, positions = batch["documents"], batch["decoder_documents"], batch["decoder_positions"]
        # each token is predicted from those before it in its document, the first from the model's start token
        # `roll` moves the row's last token to the front; position 0 overwrites it, as it does the first token of each
        # document. clamp_min: IGNORE_INDEX is no valid id for the embedding table.
        previous = batch["targets"].roll(1, dims=1).clamp_min(0)
        tokens = torch.where(positions == 0, self.module.config.decoder_start_token_id, previous)
        # Encoder and decoder are called one by one: the model itself would use the encoder's mask for cross-attention
        # too, which needs one from targets to sources.
        encoder, decoder = self.trunk.get_encoder(), self.trunk.get_decoder()
        with _override_positions(encoder, batch["positions"]):
            mask = make_document_mask(sources, causal=False)
            encoded = encoder(input_ids=batch["tokens"], attention_mask=mask).last_hidden_state
        with _override_positions(decoder, positions):
            states: Tensor = decoder(
                input_ids=tokens,
                attention_mask=make_document_mask(documents, causal=True),
                encoder_hidden_states=encoded,
                encoder_attention_mask=make_source_mask(documents, sources),
                use_cache=False,
            ).last_hidden_state
        return states

    def compute_token_loss(self, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
        """Return the sum of the cross entropies over the targets that are not negative.

        Raises StageFailure for a model that predicts no tokens.
        """
        if self.head is None:
            raise StageFailure(
                f"family {self.family} tells replaced tokens from original ones and predicts none",
                "Set pretrain.architecture.family to another, or pretrain.objective.kind to replaced_token_detection",
            )
        bias = self.module.get_buffer("final_logits_bias")[0] if self.has_logits_bias else self.head.bias
        return linear_cross_entropy(
            self.transform(hidden_ND), self.head.weight, bias, targets_N, compiled=self.compiled
        )

    def transform(self, hidden_ND: Tensor) -> Tensor:
        """Apply the layers between the last hidden states and the vocabulary projection."""
        transform = HEAD_TRANSFORMS.get(self.family)
        return hidden_ND if transform is None else transform(self.module, hidden_ND)


@contextmanager
def _override_positions(stack: nn.Module, positions_BT: Tensor) -> Iterator[None]:
    """Make BART use `positions_BT`, which restart in each document; it would count the positions of the whole row.

    T5 needs nothing: it has relative positions only, and those within a document are right.
    """
    # BART's table of learnt positions.
    table = getattr(stack, "embed_positions", None)
    if table is None:
        yield
        return

    def embed_positions(table: Any, _inputs: Any, _output: Any) -> Tensor:
        # BART's table has two unused rows in front (`offset`), a leftover of fairseq.
        return functional.embedding(positions_BT + table.offset, table.weight)

    hook = table.register_forward_hook(embed_positions)
    try:
        yield
    finally:
        hook.remove()
