"""How likely the two sentences of a pair are."""

from difflib import SequenceMatcher

import polars as pl

from tasks.evaluate.examples import Task
from tasks.evaluate.likelihood import Window
from tasks.evaluate.reading import Weights


def answers(task: Task, weights: Weights) -> pl.DataFrame:
    """Log-likelihoods in nats: causal models, of whole sentences; masked models, of the tokens that both share.

    The shared tokens are foretold with the others in sight, so that it does not count how frequent a group's name is
    (Nangia et al., "CrowS-Pairs", 2020, section 3). A causal model sees no name that comes later, so nothing is left
    out there.
    """
    model = weights.language_model()
    texts = [text for texts in task.test["options"].to_list() for text in texts]
    windows = model.windows(texts)
    if model.masked:
        of_text: dict[int, list[Window]] = {}
        for window in windows:
            of_text.setdefault(window.text, []).append(window)
        windows = [
            each
            for first in range(0, len(texts), 2)
            for pair in zip(of_text[first], of_text[first + 1], strict=False)
            for each in shared(*pair)
        ]
    seen = [-each.nats for each in model.judged(windows, len(texts))]
    return pl.DataFrame({"likelihoods": [seen[first : first + 2] for first in range(0, len(texts), 2)]})


def shared(one: Window, other: Window) -> tuple[Window, Window]:
    """Both, counting only the tokens that stand in the same order in both."""
    same = SequenceMatcher(None, one.ids, other.ids, autojunk=False).get_matching_blocks()
    places = [(block.a + step, block.b + step) for block in same for step in range(block.size)]
    firsts, seconds = {first for first, _ in places}, {second for _, second in places}
    return (
        one.counting(place in firsts for place in range(len(one.ids))),
        other.counting(place in seconds for place in range(len(other.ids))),
    )
