"""ELECTRA's two models: a small generator of replacements, and the discriminator that is exported.

Shape suffixes: B rows, T positions in a row, D hidden size, N masked positions, V vocabulary, C masked positions in a
chunk.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import StageFailure
from tasks.model.families import build_electra_generator
from tasks.model.packed import PackedModel
from tasks.model.projection import choose_chunk_size
from tasks.pretrain.learners.learner import Learner


class ElectraLearner(Learner):
    """Holds the discriminator as `module`, and a generator that shares its embeddings."""

    def __init__(self, model: PackedModel, hidden_fraction: float, seed: int) -> None:
        if model.family != "electra":
            raise StageFailure(
                f"family {model.family} has no head that tells replaced tokens from original ones",
                "Set pretrain.architecture.family to electra",
            )
        super().__init__(model)
        self.generator = build_electra_generator(model.module, hidden_fraction, seed)
        self.generator_model = PackedModel(self.generator, "encoder")

    def compute_losses(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the sums of the generator's loss over masked tokens and of the discriminator's over all tokens.

        No gradient flows back through the tokens that the generator samples.
        """
        hidden_ND = self.generator_model.compute_hidden(batch).flatten(0, 1).index_select(0, batch["predicted_indices"])
        generator_loss = self.generator_model.compute_token_loss(hidden_ND, batch["targets"])
        originals = batch["originals"].flatten()
        sampled_N = sample_tokens(self.generator_model, hidden_ND, batch["uniform"])
        # a row with little text has masked positions without a target: they keep their token
        sampled_N = torch.where(batch["targets"] >= 0, sampled_N, originals[batch["predicted_indices"]])
        # A sampled token that equals the original counts as original: `_detection_loss` compares tokens, it does not
        # ask what was masked (section 2 of the paper).
        tokens = originals.index_copy(0, batch["predicted_indices"], sampled_N)
        return generator_loss, self._detection_loss({**batch, "tokens": tokens.view_as(batch["tokens"])})

    def _detection_loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        head: nn.Module = self.module.get_submodule("discriminator_predictions")
        logits_BT = head(self.model.compute_hidden(batch))
        replaced_BT = (batch["tokens"] != batch["originals"]).to(logits_BT.dtype)
        losses_BT = functional.binary_cross_entropy_with_logits(logits_BT, replaced_BT, reduction="none")
        # Padding is no token that could be replaced.
        return (losses_BT.float() * (batch["documents"] >= 0)).sum()


@torch.no_grad()
def sample_tokens(model: PackedModel, hidden_ND: Tensor, uniform_N: Tensor) -> Tensor:
    """Sample a token for each position by the model's probabilities.

    Deterministic: the numbers `uniform_N` from [0, 1) decide, so that a repeated step is the same.
    """
    assert model.head is not None
    tokens_N = torch.empty(len(uniform_N), dtype=torch.long, device=hidden_ND.device)
    chunk_size = choose_chunk_size(model.head.weight)
    # inverse transform sampling, chunk by chunk: the logits of all positions would not fit into memory
    for start in range(0, len(tokens_N), chunk_size):
        logits_CV = model.head(model.transform(hidden_ND[start : start + chunk_size]))
        sums_CV = logits_CV.float().softmax(-1).cumsum(-1)
        # rounding: the last cumulative sum is not exactly 1
        uniform_C1 = uniform_N[start : start + chunk_size, None].float() * sums_CV[:, -1:]
        tokens_N[start : start + chunk_size] = torch.searchsorted(sums_CV, uniform_C1, right=True)[:, 0]
    # searchsorted gives V where rounding puts the number at or above the last sum.
    return tokens_N.clamp_max(model.head.out_features - 1)
