"""Likelihoods of texts under a language model, without fine-tuning.

A causal model: the sum over its tokens, each predicted from those before. A masked model: the pseudo-likelihood, each
token predicted from all others (Salazar et al., "Masked language model scoring", 2020). Texts longer than a model reads
at once are read in overlapping windows.

Shapes: B texts of a batch, T tokens, V vocabulary, D hidden size.
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
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import batch_by_length, load_config, open_model, pad_batch
from tasks.errors import StageFailure

MAX_LOGITS = 1 << 24  # in memory at once, 64 MiB
MAX_BATCH_ROWS = 256


class Likelihood(NamedTuple):
    """A text's negative log-likelihood in nats, and the number of tokens it is the sum over."""

    nats: float
    tokens: int


class ScoringWindow(NamedTuple):
    """Consecutive tokens of a text, as a model reads them."""

    text: int
    """index of the text"""
    ids: list[int]
    ends: list[int]
    """end of each token in the text, in characters"""
    scored: list[bool]
    """for each token whether its likelihood counts; the others are only context"""

    def restrict_to(self, mask: Iterable[bool]) -> "ScoringWindow":
        """Return the window with only those scored tokens that the mask selects."""
        return self._replace(
            scored=[is_scored and selected for is_scored, selected in zip(self.scored, mask, strict=True)]
        )


class LanguageModel:
    """A checkpoint with its language-model head, causal or masked."""

    def __init__(self, checkpoint: Path, *, random: bool, seed: int, max_tokens: int) -> None:
        """Load the model. Raises StageFailure for one that gives a text alone no likelihood.

        An encoder without head and ELECTRA predict no tokens; an encoder–decoder predicts targets of another text.
        """
        config = load_config(checkpoint)
        # the cache of keys and values serves generation only
        config.use_cache = False
        architecture = " ".join(config.architectures or [])
        self.masked = "MaskedLM" in architecture
        has_head = any(name in architecture for name in ("MaskedLM", "CausalLM", "LMHead"))
        if config.is_encoder_decoder or not has_head:
            raise StageFailure(
                f"the model in {checkpoint} is {architecture or 'of no named kind'}, which gives texts no likelihood",
                "Take a causal or masked language model, or switch off the benchmarks by likelihood",
            )
        auto_class = AutoModelForMaskedLM if self.masked else AutoModelForCausalLM
        self.model = open_model(checkpoint, auto_class, config, random=random, seed=seed).eval().float()
        self.tokenizer = CheckpointTokenizer(checkpoint, max_tokens)
        if self.masked and self.tokenizer.hf_tokenizer.mask_token_id is None:
            raise StageFailure(
                f"the tokenizer in {checkpoint} has no mask token, which the likelihood of a masked model needs",
                "Add mask_token to its tokenizer_config.json",
            )
        self.vocab_size = int(config.vocab_size)

    def compute_likelihoods(self, texts: Sequence[str], starts: Sequence[int] | None = None) -> list[Likelihood]:
        """Return the likelihood of every text, or of what follows its start, in characters, given what is before."""
        windows = self.split_into_windows(texts)
        if starts is not None:
            windows = [window.restrict_to(end > starts[window.text] for end in window.ends) for window in windows]
        return self.score_windows(windows, len(texts))

    def split_into_windows(self, texts: Sequence[str]) -> list[ScoringWindow]:
        """Split every text, untruncated, into windows of the most tokens that the model reads.

        A token is scored in one of them, where it has half a window before it, or all of the text that there is.
        """
        start_ids = [] if self.masked else self.find_start_ids()
        windows = []
        for text, is_first, ids, ends, is_new in self.tokenizer.split_into_windows(list(texts), spare=len(start_ids)):
            # some tokenizers put the start token themselves
            added_ids = start_ids if is_first and ids[:1] != start_ids else []
            scored = [*(False for _ in added_ids), *is_new]
            if scored and not self.masked:
                scored[0] = False  # nothing comes before it that could predict it
            windows.append(ScoringWindow(text, [*added_ids, *ids], [*(0 for _ in added_ids), *ends], scored))
        return windows

    @torch.no_grad()
    def score_windows(self, windows: Sequence[ScoringWindow], num_texts: int) -> list[Likelihood]:
        """Return each text's likelihood, summed over its windows."""
        texts = np.array([window.text for window in windows], np.int64)
        window_nats = self._score_masked(windows) if self.masked else self._score_causal(windows)
        # sums in double precision, in the order of the windows
        nats = np.bincount(texts, window_nats, num_texts)
        tokens = np.bincount(texts, [sum(window.scored) for window in windows], num_texts)
        return [Likelihood(total, int(count)) for total, count in zip(nats.tolist(), tokens.tolist(), strict=True)]

    def _score_causal(self, windows: Sequence[ScoringWindow]) -> Floats:
        """Return the nats of each window's scored tokens, from one pass over the window."""
        ids, nats = [window.ids for window in windows], np.zeros(len(windows))
        for rows in self._split_batches(ids, all_positions=True):
            batch = pad_batch([ids[row] for row in rows])
            logits_BTV = self.model(input_ids=batch.input_ids_BT, attention_mask=batch.mask_BT.long()).logits
            scored_BT = torch.zeros_like(batch.mask_BT, dtype=torch.bool)
            for index, row in enumerate(rows):
                scored_BT[index, : len(ids[row])] = torch.tensor(windows[row].scored, dtype=torch.bool)
            # the target -100 is ignored by cross_entropy; position t predicts the token at t + 1
            targets_BT = batch.input_ids_BT.masked_fill(~scored_BT, -100)[:, 1:]
            losses_BT = cross_entropy(logits_BTV[:, :-1].transpose(1, 2), targets_BT, reduction="none")
            nats[rows] = losses_BT.double().sum(1).numpy()
        return nats

    def find_start_ids(self) -> list[int]:
        """Return the token that began the training documents, else the one that ended them: it predicts the first."""
        tokenizer = self.tokenizer.hf_tokenizer
        start_id = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        return [] if start_id is None else [start_id]

    def _score_masked(self, windows: Sequence[ScoringWindow]) -> Floats:
        """Return the nats of each window's scored tokens: one pass over the window for each, with only it masked."""
        mask_id = self.tokenizer.hf_tokenizer.mask_token_id
        targets = [
            (row, position)
            for row, window in enumerate(windows)
            for position, is_scored in enumerate(window.scored)
            if is_scored
        ]
        ids = [window.ids for window in windows]
        masked_ids = [[*ids[row][:position], mask_id, *ids[row][position + 1 :]] for row, position in targets]
        nats = np.zeros(len(targets))
        for rows in self._split_batches(masked_ids, all_positions=False):
            batch = pad_batch([masked_ids[row] for row in rows])
            positions_B = torch.tensor([targets[row][1] for row in rows])
            logits_BV = self._compute_logits_at(batch.input_ids_BT, batch.mask_BT, positions_B)
            # The original token at the masked position.
            targets_B = torch.tensor([ids[targets[row][0]][targets[row][1]] for row in rows])
            nats[rows] = cross_entropy(logits_BV, targets_B, reduction="none").double().numpy()
        sums = np.zeros(len(windows))
        # add.at, as a window has many targets and plain indexing would keep one of them.
        np.add.at(sums, [row for row, _ in targets], nats)
        return sums

    def _compute_logits_at(self, input_ids_BT: Tensor, mask_BT: Tensor, positions_B: Tensor) -> Tensor:
        """Return the logits (B, V) at one position a row; the projection, most of the work, computes no other."""

        def select_positions(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            (hidden_BTD,) = inputs
            # One position a row, with a dimension of length 1 in its place.
            return (hidden_BTD[torch.arange(len(hidden_BTD)), positions_B][:, None],)

        # a hook, because transformers has no argument for it in masked models
        hook = self.model.get_output_embeddings().register_forward_pre_hook(select_positions)
        try:
            logits_B1V: Tensor = self.model(input_ids=input_ids_BT, attention_mask=mask_BT.long()).logits
        finally:
            hook.remove()
        return logits_B1V[:, 0]

    def _split_batches(self, ids: list[list[int]], *, all_positions: bool) -> Iterator[Any]:
        """Yield rows of similar length, as many at once as their logits have room, at all positions or at one a row."""
        for rows in batch_by_length(ids, MAX_BATCH_ROWS):
            # rows are sorted by length, so the last one is the longest
            longest = max(1, len(ids[rows[-1]])) if all_positions else 1
            size = max(1, min(MAX_BATCH_ROWS, MAX_LOGITS // (self.vocab_size * longest)))
            yield from (rows[start : start + size] for start in range(0, len(rows), size))
