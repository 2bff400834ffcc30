"""How likely the two sentences of a pair are."""

from difflib import SequenceMatcher
from itertools import pairwise

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import ScoringWindow
from tasks.downstream.zero_shot import ModelSource
from tasks.errors import StageFailure

open_model = ModelSource.language_model


def answer_task(task: Task, weights: ModelSource) -> pl.DataFrame:
    """Log-likelihoods in nats: causal models, of whole sentences; masked models, of the tokens that both share.

    The shared tokens are foretold with the others in sight, so that it does not count how frequent a group's name is
    (Nangia et al., "CrowS-Pairs", 2020, section 3). A causal model sees no name that comes later, so nothing is left
    out there.
    """
    model = open_model(weights)
    texts = [text for texts in task.test["options"].to_list() for text in texts]
    windows = model.windows(texts)
    if model.masked:
        _check_one_window_each(task, windows)
        pairs = zip(windows[::2], windows[1::2], strict=True)
        windows = [each for pair in pairs for each in restrict_to_shared_tokens(*pair)]
    seen = [-each.nats for each in model.judged(windows, len(texts))]
    return pl.DataFrame({"likelihoods": [seen[first : first + 2] for first in range(0, len(texts), 2)]})


def _check_one_window_each(task: Task, windows: list[ScoringWindow]) -> None:
    for before, after in pairwise(windows):
        if before.text == after.text:
            origin, most = task.test["origin"][after.text // 2], len(before.ids)
            raise StageFailure(
                f"{origin}: a sentence has more than the {most} tokens that are read at once",
                "Raise evaluate.recipe.max_length, or take the row out",
            )


def restrict_to_shared_tokens(one: ScoringWindow, other: ScoringWindow) -> tuple[ScoringWindow, ScoringWindow]:
    """Both, counting only the tokens that stand in the same order in both."""
    same = SequenceMatcher(None, one.ids, other.ids, autojunk=False).get_matching_blocks()
    places = [(block.a + step, block.b + step) for block in same for step in range(block.size)]
    firsts, seconds = {first for first, _ in places}, {second for _, second in places}
    return (
        one.counting(place in firsts for place in range(len(one.ids))),
        other.counting(place in seconds for place in range(len(other.ids))),
    )
