"""A transformers model that reads a text and generates another: an encoder–decoder, or a decoder that continues texts.

A decoder gets both texts in one row, with the end token between them.

Shapes: B pairs of texts, T tokens of the longest row, M tokens of all targets together, V vocabulary, P tokens of a
soft prompt, D hidden size.
"""

from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.checkpoint_tokenizer import TokenIds
from tasks.downstream.models.encoder import PaddedBatch, fuse_activations, load_config, open_model, pad_batch
from tasks.errors import StageFailure

MIN_SOURCE_TOKENS = 8
"""tokens of a source at least, the minimum of the setting max_length"""


class TextGenerator(Backbone):
    """A model that is trained on pairs of source and target token ids, and generates targets.

    A target ends with the end token; for a decoder a source does too.
    """

    def __init__(self, body: Any, end_id: int) -> None:
        super().__init__(body)
        self.end_id = end_id
        self.has_encoder = bool(body.config.is_encoder_decoder)
        # what BART and T5 begin a target with differs, and some configurations name neither
        self.start_id = find_token_id(body.config, "decoder_start_token_id", "bos_token_id", default=end_id)
        padding_id = find_token_id(body.config, "pad_token_id", default=end_id)
        # the folder's own generation settings, such as beams or a minimum length, would decide without being seen
        body.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=end_id, pad_token_id=padding_id, decoder_start_token_id=self.start_id, use_cache=True
        )

    @classmethod
    def load(cls, checkpoint: Path, end_id: int, *, random: bool, seed: int) -> Self:
        """Load the checkpoint's model with its language-model head. Raises StageFailure when it has none."""
        check_can_generate(checkpoint)
        config = load_config(checkpoint)
        auto_class = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = open_model(checkpoint, auto_class, config, random=random, seed=seed).float()
        fuse_activations(model)
        return cls(model, end_id)

    @property
    def task_type(self) -> Literal["CAUSAL_LM", "SEQ_2_SEQ_LM"]:
        """The task of the body, by peft's name."""
        return "SEQ_2_SEQ_LM" if self.has_encoder else "CAUSAL_LM"

    @property
    def projection(self) -> nn.Module:
        """The body's projection onto the vocabulary."""
        projection: nn.Module = self.body.get_output_embeddings()
        return projection

    def compute_losses(self, sources: TokenIds, targets: TokenIds) -> Tensor:
        """Return the negative log-likelihood of every target token, given its source and the tokens before it (M,)."""
        starts, logits_BTV = self._compute_logits(sources, targets)
        rows = [row for row, target in enumerate(targets) for _ in target]
        positions = [
            start + index for start, target in zip(starts, targets, strict=True) for index in range(len(target))
        ]
        truth = torch.tensor([token for target in targets for token in target])
        return cross_entropy(logits_BTV[rows, positions], truth, reduction="none")

    def _compute_logits(self, sources: TokenIds, targets: TokenIds) -> tuple[list[int], Tensor]:
        """Return in each row the position that predicts the target's first token, and logits (B, T, V)."""
        # a decoder predicts each token at the position before it, so inputs are the targets shifted by one
        if self.has_encoder:
            decoder_batch = pad_batch([[self.start_id, *target[:-1]] for target in targets])
            inputs = {"decoder_input_ids": decoder_batch.input_ids_BT, "use_cache": False}
            # Position 0 holds the start token, which predicts the target's first.
            return [0] * len(targets), self._run_body(pad_batch(sources), inputs)
        batch = pad_batch([[*source, *target[:-1]] for source, target in zip(sources, targets, strict=True)])
        # the projection onto the vocabulary is most of the work, and positions that only sources reach need none
        # The last token of the shortest source is the first that predicts a target token.
        num_skipped = min(map(len, sources)) - 1
        num_kept = batch.input_ids_BT.shape[1] - num_skipped
        # a body that ignores logits_to_keep gives all of them, so that the last ones are cut out here too
        logits_BTV = self._run_body(batch, {"logits_to_keep": num_kept, "use_cache": False})[:, -num_kept:]
        return [len(source) - 1 - num_skipped for source in sources], logits_BTV

    def _run_body(self, batch: PaddedBatch, inputs: dict[str, Any]) -> Tensor:
        logits: Tensor = self.body(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), **inputs).logits
        return logits

    @torch.no_grad()
    def generate(self, sources: TokenIds, max_length: int, num_beams: int, **sampling: Any) -> TokenIds:
        """Generate a target of at most `max_length` tokens for every source, with the end token where it ends by then.

        `sampling` are settings of transformers' `generate`; without any the most likely token is taken each time.
        """
        body, inputs, prefix_length = self.body, self._make_inputs(sources), 1
        if not self.has_encoder:
            prefix_length = inputs["input_ids"].shape[1]
            if self._has_soft_prompt:
                body, inputs = body.get_base_model(), self._prepend_prompt(**inputs)
        settings = {"do_sample": False} | sampling
        # a row begins with what the decoder was given: the start token, or the source
        rows = body.generate(**inputs, max_new_tokens=max_length, num_beams=num_beams, **settings)
        return [self._cut_after_end(ids) for ids in rows[:, prefix_length:].tolist()]

    def _make_inputs(self, sources: TokenIds) -> dict[str, Tensor]:
        """Return sources as tensors. A decoder continues at the end of a row, so padding stands before its texts."""
        batch = pad_batch(sources if self.has_encoder else [source[::-1] for source in sources])
        inputs = {"input_ids": batch.input_ids_BT, "attention_mask": batch.mask_BT.long()}
        return inputs if self.has_encoder else {name: tensor_BT.flip(1) for name, tensor_BT in inputs.items()}

    @property
    def _has_soft_prompt(self) -> bool:
        """True where trained embeddings stand before a text."""
        settings = getattr(self.body, "active_peft_config", None)
        return settings is not None and settings.peft_type == "PROMPT_TUNING"

    def _prepend_prompt(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Put the soft prompt before the texts, as peft 0.21 does in decoders; but padding takes no positions here."""
        prompt_BPD = self.body.get_prompt(len(input_ids))
        return {
            "input_ids": input_ids,
            "inputs_embeds": torch.cat([prompt_BPD, self.body.word_embeddings(input_ids)], 1),
            "attention_mask": torch.cat([attention_mask.new_ones(prompt_BPD.shape[:2]), attention_mask], 1),
        }

    def _cut_after_end(self, ids: list[int]) -> list[int]:
        return ids[: ids.index(self.end_id) + 1] if self.end_id in ids else ids


def limit_lengths(config: Any, source_length: int, target_length: int, reserved: int) -> tuple[int, int]:
    """Return the maximum lengths of source and target: those that are asked for, as far as the model has positions.

    `reserved` positions are taken by a soft prompt, on whichever side of an encoder–decoder it stands. Raises
    StageFailure for a decoder whose positions a target would fill.
    """
    limit = getattr(config, "max_position_embeddings", None) or source_length + target_length + reserved
    positions = limit - reserved
    if config.is_encoder_decoder:
        return min(source_length, positions), min(target_length, positions)
    if positions - target_length < MIN_SOURCE_TOKENS:
        without_prompt = f", {reserved} of them for a prompt," if reserved else ""
        raise StageFailure(
            f"a model of {limit} positions{without_prompt} has no room for a text before one of {target_length} tokens",
            f"Set evaluate.finetuning.max_target_length to {positions - MIN_SOURCE_TOKENS} or less",
        )
    return min(source_length, positions - target_length), target_length


def find_token_id(config: Any, *names: str, default: int) -> int:
    """Return the id of the first of these tokens that the configuration names, or the default."""
    ids = (getattr(config, name, None) for name in names)
    return next((int(token_id) for token_id in ids if token_id is not None), default)


def check_can_generate(checkpoint: Path) -> None:
    """Raise StageFailure for a model such as BERT that predicts no next token."""
    config = load_config(checkpoint)
    architecture = " ".join(config.architectures or [])
    if not (config.is_encoder_decoder or "CausalLM" in architecture or "LMHead" in architecture):
        raise StageFailure(
            f"the model in {checkpoint} is {architecture or 'of no named kind'}, which generates no text",
            "Take an encoder–decoder or a causal language model, or switch off evaluate.benchmarks.text_to_text",
        )
