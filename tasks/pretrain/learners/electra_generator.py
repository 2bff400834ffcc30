"""ELECTRA's two models: a small generator of replacements, and the discriminator that is kept.

Shape suffixes: B rows, T places in a row, D width, N hidden places, V vocabulary, C hidden places in a chunk.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import StageFailure
from tasks.model.families import electra_generator
from tasks.model.packed import PackedModel
from tasks.model.projection import places_at_once
from tasks.pretrain.learners.learner import Learner


class Generated(Learner):
    """The discriminator as `module`, and a generator that shares its embeddings."""

    def __init__(self, model: PackedModel, share: float, seed: int) -> None:
        if model.family != "electra":
            raise StageFailure(
                f"family {model.family} has no head that tells replaced tokens from original ones",
                "Set pretrain.architecture.family to electra",
            )
        super().__init__(model)
        self.generator = electra_generator(model.module, share, seed)
        self.generator_model = PackedModel(self.generator, "both")

    def losses(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sums of the generator's loss over the hidden tokens and of the discriminator's over all places of documents.

        Nothing flows back through what the generator puts in.
        """
        hidden_ND = self.generator_model.hidden(batch).flatten(0, 1).index_select(0, batch["places"])
        guessed = self.generator_model.token_loss(hidden_ND, batch["targets"])
        originals = batch["originals"].flatten()
        put_in_N = sampled(self.generator_model, hidden_ND, batch["lots"])
        # a row with little text has slots without a target
        put_in_N = torch.where(batch["targets"] >= 0, put_in_N, originals[batch["places"]])
        tokens = originals.index_copy(0, batch["places"], put_in_N)
        return guessed, self._detected({**batch, "tokens": tokens.view_as(batch["tokens"])})

    def _detected(self, batch: Mapping[str, Tensor]) -> Tensor:
        head: nn.Module = self.module.get_submodule("discriminator_predictions")
        logits_BT = head(self.model.hidden(batch))
        replaced_BT = (batch["tokens"] != batch["originals"]).to(logits_BT.dtype)
        losses_BT = functional.binary_cross_entropy_with_logits(logits_BT, replaced_BT, reduction="none")
        return (losses_BT.float() * (batch["documents"] >= 0)).sum()


@torch.no_grad()
def sampled(model: PackedModel, hidden_ND: Tensor, lots_N: Tensor) -> Tensor:
    """A token of each place, by the model's probabilities: lots from [0, 1) decide, so a step repeated is the same."""
    assert model.head is not None
    found = torch.empty(len(lots_N), dtype=torch.long, device=hidden_ND.device)
    chunk = places_at_once(model.head.weight)
    for begin in range(0, len(found), chunk):
        logits_CV = model.head(model.transform(hidden_ND[begin : begin + chunk]))
        sums_CV = logits_CV.float().softmax(-1).cumsum(-1)
        # the sum of all is not quite 1
        lots_C1 = lots_N[begin : begin + chunk, None].float() * sums_CV[:, -1:]
        found[begin : begin + chunk] = torch.searchsorted(sums_CV, lots_C1, right=True)[:, 0]
    return found.clamp_max(model.head.out_features - 1)
