"""Two ways to see a text: a random stretch of it, from which some tokens are missing."""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tasks.block import Block
from tasks.pretrain.corruption.masking_units import Bools, sizes
from tasks.pretrain.corruption.text_spans import Texts

if TYPE_CHECKING:
    from tasks.pretrain.data.randomness import Randomness


class Augment(Block):
    """What a view of a text keeps: independent crops and deletion as in Contriever, arXiv:2112.09118 section 3."""

    crop: float = Field(default=0.3, gt=0, le=1, description="share of a text that a crop has at least; 1 takes it all")
    deleted: float = Field(default=0.1, ge=0, lt=1, description="share of the tokens that are left out")

    def kept(self, texts: Texts, random: "Randomness", name: str) -> Bools:
        """The places (B, T) of one view; `name` tells views apart. Each text keeps at least one."""
        num_BT = sizes(texts.firsts)
        share_BT = self.crop + (1 - self.crop) * texts.lots(random, f"{name} crop")
        long_BT = np.ceil(num_BT * share_BT).astype(np.int64)
        begin_BT = texts.firsts + (texts.lots(random, f"{name} begin") * (num_BT - long_BT + 1)).astype(np.int64)
        here_BT = np.arange(num_BT.shape[1]) - begin_BT
        stays_BT = random.uniform(f"{name} delete", num_BT.shape[1]) >= self.deleted
        kept_BT: Bools = (here_BT == 0) | ((here_BT > 0) & (here_BT < long_BT) & stays_BT)
        return kept_BT
