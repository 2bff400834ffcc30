"""How likely a model finds texts, without any fine-tuning.

A causal model: the sum over its tokens, each foretold from those before. A masked model: the pseudo-likelihood, each
token foretold from all others (Salazar et al., "Masked language model scoring", 2020).

Shapes: B texts of a batch, T tokens, V vocabulary, D width.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.utils.logging import disable_progress_bar

from tasks.evaluate.encoder import Tokens, batch_of, by_length
from tasks.failure import StageFailure

NUMBERS_AT_ONCE = 1 << 24  # logits in memory, 64 MiB
MOST_ROWS = 256


class Seen(NamedTuple):
    """A text's negative log-likelihood in nats, and over how many tokens."""

    nats: float
    tokens: int


class LanguageModel:
    """A checkpoint with its head over the vocabulary, causal or masked."""

    def __init__(self, checkpoint: Path, *, random: bool, seed: int, most_tokens: int) -> None:
        """Raises StageFailure for a model that foretells no tokens, as an encoder without head or ELECTRA."""
        disable_progress_bar()  # type: ignore[no-untyped-call] # a bar per model would hide the stage's own
        config = AutoConfig.from_pretrained(checkpoint)
        config.use_cache = False
        kind = " ".join(config.architectures or [])
        self.masked = "MaskedLM" in kind
        if not self.masked and not ("CausalLM" in kind or "LMHead" in kind):
            raise StageFailure(
                f"the model in {checkpoint} is {kind or 'of no named kind'}, which gives texts no likelihood",
                "Take a causal or masked language model, or switch off the benchmarks by likelihood",
            )
        torch.manual_seed(seed)
        auto: Any = AutoModelForMaskedLM if self.masked else AutoModelForCausalLM
        self.model = (
            (auto.from_config(config) if random else auto.from_pretrained(checkpoint, config=config)).eval().float()
        )
        self.tokens = Tokens(checkpoint, most_tokens)
        self.vocabulary = int(config.vocab_size)

    @torch.no_grad()
    def seen(self, texts: Sequence[str]) -> list[Seen]:
        """The likelihood of every text, cut at the most tokens."""
        return self._each_masked(self.tokens(list(texts))) if self.masked else self._left_to_right(texts)

    def _left_to_right(self, texts: Sequence[str]) -> list[Seen]:
        start = self._start()
        given = self.tokens(list(texts))
        ids = [each if each[:1] == start else [*start, *each][: self.tokens.length] for each in given]
        found: dict[int, Seen] = {}
        for rows in self._batches(ids, positions=True):
            batch = batch_of([ids[row] for row in rows])
            logits_BTV = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long()).logits
            targets_BT = batch.input_ids_BT[:, 1:].masked_fill(batch.mask_BT[:, 1:] == 0, -100)
            losses_BT = cross_entropy(logits_BTV[:, :-1].transpose(1, 2), targets_BT, reduction="none")
            sums = zip(losses_BT.double().sum(1).tolist(), (targets_BT >= 0).sum(1).tolist(), strict=True)
            found |= dict(zip(rows.tolist(), (Seen(*each) for each in sums), strict=True))
        return [found[row] for row in range(len(texts))]

    def _start(self) -> list[int]:
        """What the first token is foretold from: the token that began documents, else the one that ended them."""
        tokenizer = self.tokens.tokenizer
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        return [] if start is None else [start]

    def _each_masked(self, ids: list[list[int]]) -> list[Seen]:
        mask = self.tokens.tokenizer.mask_token_id
        special = set(self.tokens.tokenizer.all_special_ids)
        places = [(row, place) for row, each in enumerate(ids) for place, id_ in enumerate(each) if id_ not in special]
        copies = [[*ids[row][:place], mask, *ids[row][place + 1 :]] for row, place in places]
        nats = np.zeros(len(places))
        for rows in self._batches(copies, positions=False):
            batch = batch_of([copies[row] for row in rows])
            at = torch.tensor([places[row][1] for row in rows])
            logits_BV = self._logits_at(batch.input_ids_BT, batch.mask_BT, at)
            targets = torch.tensor([ids[places[row][0]][places[row][1]] for row in rows])
            nats[rows] = cross_entropy(logits_BV, targets, reduction="none").double().numpy()
        of_text = np.array([row for row, _ in places], np.int64)
        sums, counts = (np.bincount(of_text, each, len(ids)).tolist() for each in (nats, np.ones_like(nats)))
        return [Seen(total, int(count)) for total, count in zip(sums, counts, strict=True)]

    def _logits_at(self, input_ids_BT: Tensor, mask_BT: Tensor, places_B: Tensor) -> Tensor:
        """Logits (B, V) of one place a row: the projection, most of the work, sees no other."""

        def only(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            (hidden_BTD,) = inputs
            return (hidden_BTD[torch.arange(len(hidden_BTD)), places_B][:, None],)

        hook = self.model.get_output_embeddings().register_forward_pre_hook(only)
        try:
            logits_B1V: Tensor = self.model(input_ids=input_ids_BT, attention_mask=mask_BT.long()).logits
        finally:
            hook.remove()
        return logits_B1V[:, 0]

    def _batches(self, ids: list[list[int]], *, positions: bool) -> Iterator[Any]:
        """Rows of about one length, as many as there is room for the logits of."""
        for rows in by_length(ids, MOST_ROWS):
            longest = max(1, len(ids[rows[-1]])) if positions else 1
            size = max(1, min(MOST_ROWS, NUMBERS_AT_ONCE // (self.vocabulary * longest)))
            yield from (rows[start : start + size] for start in range(0, len(rows), size))
