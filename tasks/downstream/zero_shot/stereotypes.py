"""Stereotype pairs by the likelihood of both sentences."""

from difflib import SequenceMatcher
from itertools import pairwise

import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import ScoringWindow
from tasks.downstream.zero_shot import ModelSource
from tasks.errors import StageFailure

open_model = ModelSource.load_language_model


def answer_task(task: Task, source: ModelSource) -> pl.DataFrame:
    """Return log-likelihoods in nats: by causal models of complete sentences, by masked models of the shared tokens.

    The shared tokens are predicted with the others in sight, so that it does not count how frequent a group's name is
    (Nangia et al., "CrowS-Pairs", 2020, section 3). A causal model does not see a name that comes later, so there all
    tokens count.
    """
    model = open_model(source)
    texts = [text for texts in task.test["options"].to_list() for text in texts]
    windows = model.split_into_windows(texts)
    if model.masked:
        _check_one_window_each(task, windows)
        pairs = zip(windows[::2], windows[1::2], strict=True)
        windows = [window for pair in pairs for window in restrict_to_shared_tokens(*pair)]
    nats = [-likelihood.nats for likelihood in model.score_windows(windows, len(texts))]
    return pl.DataFrame({"likelihoods": [nats[start : start + 2] for start in range(0, len(texts), 2)]})


def _check_one_window_each(task: Task, windows: list[ScoringWindow]) -> None:
    """Raise StageFailure for a sentence of more tokens than the model reads at once."""
    for window, following in pairwise(windows):
        if window.text == following.text:
            origin, limit = task.test["origin"][following.text // 2], len(window.ids)
            raise StageFailure(
                f"{origin}: a sentence has more than the {limit} tokens that are read at once",
                "Raise evaluate.finetuning.max_length, or take the row out",
            )


def restrict_to_shared_tokens(one: ScoringWindow, other: ScoringWindow) -> tuple[ScoringWindow, ScoringWindow]:
    """Return both windows with only those tokens scored that both have in the same order."""
    # autojunk would ignore frequent tokens in texts of 200 tokens or more.
    blocks = SequenceMatcher(None, one.ids, other.ids, autojunk=False).get_matching_blocks()
    positions = [(block.a + offset, block.b + offset) for block in blocks for offset in range(block.size)]
    in_one, in_other = {position for position, _ in positions}, {position for _, position in positions}
    return (
        one.restrict_to(position in in_one for position in range(len(one.ids))),
        other.restrict_to(position in in_other for position in range(len(other.ids))),
    )
