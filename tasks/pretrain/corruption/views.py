"""Augmented views of a text for contrastive learning: a random crop with some tokens deleted.

Shape suffixes: B rows, T positions in a row.
"""

import numpy as np
from pydantic import Field

from tasks.block import Block
from tasks.pretrain.corruption.masking_units import Bools, measure_units
from tasks.pretrain.corruption.text_spans import TextSpans
from tasks.pretrain.data.randomness import Randomness


class CropAndDelete(Block):
    """Random crops and token deletion, independent for each view, as in Contriever, arXiv:2112.09118 section 3."""

    min_crop_fraction: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="minimum length of a crop as a fraction of the text; 1 keeps the whole text",
    )
    token_deletion: float = Field(default=0.1, ge=0, lt=1, description="fraction of the tokens that are deleted")

    def sample_kept(self, texts: TextSpans, random: Randomness, name: str) -> Bools:
        """Choose the positions (B, T) that one view keeps, at least one of each text; `name` distinguishes views."""
        sizes_BT = measure_units(texts.starts)
        fractions_BT = self.min_crop_fraction + (1 - self.min_crop_fraction) * texts.draw_uniform(
            random, f"{name} crop"
        )
        lengths_BT = np.ceil(sizes_BT * fractions_BT).astype(np.int64)
        # One more than the tokens that are cut off: the crop may also end with the text.
        shifts_BT = (texts.draw_uniform(random, f"{name} begin") * (sizes_BT - lengths_BT + 1)).astype(np.int64)
        starts_BT = texts.starts + shifts_BT
        offsets_BT = np.arange(sizes_BT.shape[1]) - starts_BT
        # A number for each position, unlike the two above, which are the same over a text.
        not_deleted_BT = random.uniform(f"{name} delete", sizes_BT.shape[1]) >= self.token_deletion
        # the first position of a crop is never deleted, so that no text becomes empty
        kept_BT: Bools = (offsets_BT == 0) | ((offsets_BT > 0) & (offsets_BT < lengths_BT) & not_deleted_BT)
        return kept_BT
