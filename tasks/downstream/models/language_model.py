"""How likely a model finds texts, without any fine-tuning.

A causal model: the sum over its tokens, each foretold from those before. A masked model: the pseudo-likelihood, each
token foretold from all others (Salazar et al., "Masked language model scoring", 2020). Longer texts than a model reads
at once are read in overlapping windows.

Shapes: B texts of a batch, T tokens, V vocabulary, D width.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from tasks.downstream.metrics import Floats
from tasks.downstream.models.encoder import CheckpointTokenizer, batch_by_length, load_config, open_model, pad_batch
from tasks.errors import StageFailure

MAX_LOGITS = 1 << 24  # logits in memory, 64 MiB
MAX_BATCH_ROWS = 256


class Likelihood(NamedTuple):
    """A text's negative log-likelihood in nats, and over how many tokens."""

    nats: float
    tokens: int


class ScoringWindow(NamedTuple):
    """Some of a text's tokens, as a model reads them."""

    text: int
    """which text"""
    ids: list[int]
    ends: list[int]
    """where in the text each token ends, in characters"""
    counted: list[bool]
    """tokens whose likelihood is asked for; the others are there to be seen"""

    def counting(self, among: Iterable[bool]) -> "ScoringWindow":
        """With only those that count already and are among these."""
        return self._replace(counted=[one and other for one, other in zip(self.counted, among, strict=True)])


class LanguageModel:
    """A checkpoint with its head over the vocabulary, causal or masked."""

    def __init__(self, checkpoint: Path, *, random: bool, seed: int, most_tokens: int) -> None:
        """Raises StageFailure for a model that gives a text alone no likelihood.

        An encoder without head and ELECTRA foretell no tokens; an encoder–decoder foretells answers to another text.
        """
        config = load_config(checkpoint)
        config.use_cache = False
        kind = " ".join(config.architectures or [])
        self.masked = "MaskedLM" in kind
        if config.is_encoder_decoder or not any(each in kind for each in ("MaskedLM", "CausalLM", "LMHead")):
            raise StageFailure(
                f"the model in {checkpoint} is {kind or 'of no named kind'}, which gives texts no likelihood",
                "Take a causal or masked language model, or switch off the benchmarks by likelihood",
            )
        auto = AutoModelForMaskedLM if self.masked else AutoModelForCausalLM
        self.model = open_model(checkpoint, auto, config, random=random, seed=seed).eval().float()
        self.tokens = CheckpointTokenizer(checkpoint, most_tokens)
        if self.masked and self.tokens.tokenizer.mask_token_id is None:
            raise StageFailure(
                f"the tokenizer in {checkpoint} has no mask token, which a masked model is asked by",
                "Add mask_token to its tokenizer_config.json",
            )
        self.vocabulary = int(config.vocab_size)

    def seen(self, texts: Sequence[str], after: Sequence[int] | None = None) -> list[Likelihood]:
        """The likelihood of every text, or of what comes after so many of its characters, given what is before."""
        found = self.windows(texts)
        if after is not None:
            found = [each.counting(end > after[each.text] for end in each.ends) for each in found]
        return self.judged(found, len(texts))

    def windows(self, texts: Sequence[str]) -> list[ScoringWindow]:
        """Every text whole, in windows of the most tokens.

        A token counts in one of them, where it has half a window before it, or all of the text that there is.
        """
        start = [] if self.masked else self.start()
        made = []
        for text, first, ids, ends, fresh in self.tokens.stretches(list(texts), spare=len(start)):
            led = start if first and ids[:1] != start else []
            counted = [*(False for _ in led), *fresh]
            if counted and not self.masked:
                counted[0] = False  # nothing comes before it that could foretell it
            made.append(ScoringWindow(text, [*led, *ids], [*(0 for _ in led), *ends], counted))
        return made

    @torch.no_grad()
    def judged(self, windows: Sequence[ScoringWindow], num_texts: int) -> list[Likelihood]:
        """The sums over each text's windows."""
        of_text = np.array([each.text for each in windows], np.int64)
        found = self._each_masked(windows) if self.masked else self._left_to_right(windows)
        nats = np.bincount(of_text, found, num_texts)
        tokens = np.bincount(of_text, [sum(each.counted) for each in windows], num_texts)
        return [Likelihood(total, int(count)) for total, count in zip(nats.tolist(), tokens.tolist(), strict=True)]

    def _left_to_right(self, windows: Sequence[ScoringWindow]) -> Floats:
        ids, nats = [each.ids for each in windows], np.zeros(len(windows))
        for rows in self._batches(ids, positions=True):
            batch = pad_batch([ids[row] for row in rows])
            logits_BTV = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long()).logits
            counted_BT = torch.zeros_like(batch.mask_BT, dtype=torch.bool)
            for number, row in enumerate(rows):
                counted_BT[number, : len(ids[row])] = torch.tensor(windows[row].counted, dtype=torch.bool)
            targets_BT = batch.input_ids_BT.masked_fill(~counted_BT, -100)[:, 1:]
            losses_BT = cross_entropy(logits_BTV[:, :-1].transpose(1, 2), targets_BT, reduction="none")
            nats[rows] = losses_BT.double().sum(1).numpy()
        return nats

    def start(self) -> list[int]:
        """What the first token is foretold from: the token that began documents, else the one that ended them."""
        tokenizer = self.tokens.tokenizer
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        return [] if start is None else [start]

    def _each_masked(self, windows: Sequence[ScoringWindow]) -> Floats:
        mask = self.tokens.tokenizer.mask_token_id
        places = [(row, at) for row, each in enumerate(windows) for at, counts in enumerate(each.counted) if counts]
        ids = [each.ids for each in windows]
        copies = [[*ids[row][:at], mask, *ids[row][at + 1 :]] for row, at in places]
        nats = np.zeros(len(places))
        for rows in self._batches(copies, positions=False):
            batch = pad_batch([copies[row] for row in rows])
            at_B = torch.tensor([places[row][1] for row in rows])
            logits_BV = self._logits_at(batch.input_ids_BT, batch.mask_BT, at_B)
            targets_B = torch.tensor([ids[places[row][0]][places[row][1]] for row in rows])
            nats[rows] = cross_entropy(logits_BV, targets_B, reduction="none").double().numpy()
        sums = np.zeros(len(windows))
        np.add.at(sums, [row for row, _ in places], nats)
        return sums

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
        for rows in batch_by_length(ids, MAX_BATCH_ROWS):
            longest = max(1, len(ids[rows[-1]])) if positions else 1
            size = max(1, min(MAX_BATCH_ROWS, MAX_LOGITS // (self.vocabulary * longest)))
            yield from (rows[start : start + size] for start in range(0, len(rows), size))
