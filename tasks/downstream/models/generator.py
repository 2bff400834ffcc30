"""A transformers model that writes a text after reading one: an encoder–decoder, or a decoder that reads and goes on.

A decoder gets both texts in one row, the token that ends a text between them.

Shapes: B pairs of texts, T tokens of the longest row, M of all targets together, V vocabulary, P tokens of a prompt,
D width of a hidden state.
"""

from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

from tasks.downstream.models.backbone import Backbone
from tasks.downstream.models.encoder import PaddedBatch, TokenIds, fuse_activations, load_config, open_model, pad_batch
from tasks.errors import StageFailure

MIN_SOURCE_TOKENS = 8  # tokens of a source, as in the settings


class TextGenerator(Backbone):
    """Sources and targets are token ids; a target ends with the end token, and of a decoder the source does too."""

    def __init__(self, body: Any, end: int) -> None:
        super().__init__(body)
        self.end = end
        self.has_encoder = bool(body.config.is_encoder_decoder)
        self.start = find_token_id(body.config, "decoder_start_token_id", "bos_token_id", otherwise=end)
        padding = find_token_id(body.config, "pad_token_id", otherwise=end)
        # a stock folder's own settings, say of beams or of a shortest length, would decide without being said
        body.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            eos_token_id=end, pad_token_id=padding, decoder_start_token_id=self.start, use_cache=True
        )

    @classmethod
    def load(cls, checkpoint: Path, end: int, *, random: bool, seed: int) -> Self:
        """The checkpoint's model with its head over the vocabulary. Raises StageFailure when it has none."""
        check_can_generate(checkpoint)
        config = load_config(checkpoint)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = open_model(checkpoint, auto, config, random=random, seed=seed).float()
        fuse_activations(model)
        return cls(model, end)

    @property
    def task_type(self) -> Literal["CAUSAL_LM", "SEQ_2_SEQ_LM"]:
        """What peft calls that which the body does."""
        return "SEQ_2_SEQ_LM" if self.has_encoder else "CAUSAL_LM"

    @property
    def projection(self) -> nn.Module:
        """The body's own layer onto the vocabulary."""
        found: nn.Module = self.body.get_output_embeddings()
        return found

    def losses(self, sources: TokenIds, targets: TokenIds) -> Tensor:
        """The negative log-likelihood of every token of the targets, (M,): those of the sources are given."""
        firsts, logits_BTV = self._logits(sources, targets)
        rows = [row for row, each in enumerate(targets) for _ in each]
        places = [first + place for first, each in zip(firsts, targets, strict=True) for place in range(len(each))]
        truth = torch.tensor([token for each in targets for token in each])
        return cross_entropy(logits_BTV[rows, places], truth, reduction="none")

    def _logits(self, sources: TokenIds, targets: TokenIds) -> tuple[list[int], Tensor]:
        """Logits (B, T, V), and in each row the place that foretells the target's first token."""
        if self.has_encoder:
            written = pad_batch([[self.start, *each[:-1]] for each in targets])
            read = pad_batch(sources)
            inputs = {"decoder_input_ids": written.input_ids_BT, "use_cache": False}
            return [0] * len(targets), self._run(read, inputs)
        batch = pad_batch([[*source, *target[:-1]] for source, target in zip(sources, targets, strict=True)])
        # the projection onto the vocabulary is most of the work, and what only sources reach needs none
        before = min(map(len, sources)) - 1
        kept = batch.input_ids_BT.shape[1] - before
        logits_BTV = self._run(batch, {"logits_to_keep": kept, "use_cache": False})[:, -kept:]
        return [len(each) - 1 - before for each in sources], logits_BTV

    def _run(self, batch: PaddedBatch, further: dict[str, Any]) -> Tensor:
        logits: Tensor = self.body(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long(), **further).logits
        return logits

    @torch.no_grad()
    def written(self, sources: TokenIds, most: int, beams: int, **sampling: Any) -> TokenIds:
        """What the model writes for every source, at most so many tokens, with the end token where it ends by then.

        `sampling`: settings of transformers' `generate`; without any, the likeliest token each time.
        """
        body, inputs, read = self.body, self._inputs(sources), 1
        if not self.has_encoder:
            read = inputs["input_ids"].shape[1]
            if self._is_prompted:
                body, inputs = body.get_base_model(), self._with_prompt(**inputs)
        chosen = {"do_sample": False} | sampling
        made = body.generate(**inputs, max_new_tokens=most, num_beams=beams, **chosen)
        return [self._until_end(each) for each in made[:, read:].tolist()]

    def _inputs(self, sources: TokenIds) -> dict[str, Tensor]:
        """Sources to write for. A decoder goes on where a row ends, so padding stands before it."""
        batch = pad_batch(sources if self.has_encoder else [each[::-1] for each in sources])
        inputs = {"input_ids": batch.input_ids_BT, "attention_mask": batch.mask_BT.long()}
        return inputs if self.has_encoder else {name: each_BT.flip(1) for name, each_BT in inputs.items()}

    @property
    def _is_prompted(self) -> bool:
        """Whether embeddings that were learnt stand before a text."""
        settings = getattr(self.body, "active_peft_config", None)
        return settings is not None and settings.peft_type == "PROMPT_TUNING"

    def _with_prompt(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """What peft 0.21 gives to a decoder, but that padding takes no positions, as it does there."""
        prompt_BPD = self.body.get_prompt(len(input_ids))
        return {
            "input_ids": input_ids,
            "inputs_embeds": torch.cat([prompt_BPD, self.body.word_embeddings(input_ids)], 1),
            "attention_mask": torch.cat([attention_mask.new_ones(prompt_BPD.shape[:2]), attention_mask], 1),
        }

    def _until_end(self, ids: list[int]) -> list[int]:
        return ids[: ids.index(self.end) + 1] if self.end in ids else ids


def limit_lengths(config: Any, source: int, target: int, places: int) -> tuple[int, int]:
    """Tokens of a source and of a target, when so many are asked for and the model has so many positions.

    So many places are a prompt's, on whichever side of an encoder–decoder it stands. Raises StageFailure for a decoder
    whose positions a target would fill.
    """
    positions = (getattr(config, "max_position_embeddings", None) or source + target + places) - places
    if config.is_encoder_decoder:
        return min(source, positions), min(target, positions)
    if positions - target < MIN_SOURCE_TOKENS:
        taken = f", but for {places} of a prompt," if places else ""
        raise StageFailure(
            f"a model of {positions + places} positions{taken} has no room for a text before one of {target} tokens",
            f"Set evaluate.recipe.max_target to {positions - MIN_SOURCE_TOKENS} or less",
        )
    return min(source, positions - target), target


def find_token_id(config: Any, *names: str, otherwise: int) -> int:
    """The first of these tokens that the configuration names."""
    found = (getattr(config, name, None) for name in names)
    return next((int(each) for each in found if each is not None), otherwise)


def check_can_generate(checkpoint: Path) -> None:
    """Raises StageFailure for a model that cannot write, as BERT, which foretells no next token."""
    config = load_config(checkpoint)
    kind = " ".join(config.architectures or [])
    if not (config.is_encoder_decoder or "CausalLM" in kind or "LMHead" in kind):
        raise StageFailure(
            f"the model in {checkpoint} is {kind or 'of no named kind'}, which writes no text",
            "Take an encoder–decoder or a causal language model, or switch off evaluate.benchmarks.text_to_text",
        )
