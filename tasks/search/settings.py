"""The settings of a search. Read by machines without optuna too."""

from collections.abc import Iterator

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.search.space import Dimension


class Search(Block):
    """Train with many settings for a while, and find those that end with the lowest validation loss."""

    space: tuple[str, ...] = ()
    """the settings that may change: pretrain.optimizer.learning_rate=log:1e-4..1e-2 (also float: and int:), or
    pretrain.schedule.shape=choice:wsd,cosine"""
    trials: int = Field(default=20, ge=1, description="trials in all; the first is the recipe as it is")
    seed: int = Field(default=0, ge=0, description="decides which settings are tried")
    prune: bool = True
    """end a trial when its validation loss is worse than the median of those before it, after five whole ones"""

    @field_validator("space")
    @classmethod
    def _readable(cls, space: tuple[str, ...]) -> tuple[str, ...]:
        paths = [each.path for each in map(Dimension.parse, space)]
        twice = {path for path in paths if paths.count(path) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))} is given twice")
        return space

    def dimensions(self) -> Iterator[Dimension]:
        """The settings that may change."""
        return map(Dimension.parse, self.space)
