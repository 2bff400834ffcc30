"""Train the model that scores blocks of text, and write it to tasks/clean/extract/html/block_scores/model.py.

    python -m benchmarks.block_model.train

It takes some two CPU-minutes. The pages are those of `gold_pages`. Train again after any change of the features, and
raise the version of the stage `extract`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tasks.clean.extract.html.block_scores
from benchmarks.block_model.boosting import BoostingSettings, train_trees
from benchmarks.block_model.gold_pages import LabelledPage, label_page, load_gold_pages
from tasks.clean.extract.html.block_scores.selection import Models
from tasks.clean.extract.html.block_scores.tree_file import Trees, encode_trees
from tasks.clean.extract.html.block_scores.trees import pack_trees

BLOCK_SETTINGS = BoostingSettings(
    num_trees=150,
    num_leaves=15,
    max_depth=6,
    learning_rate=0.09,
    row_fraction=0.5,
    column_fraction=0.3,
    min_weight=20,
    ridge=5,
)
PAGE_SETTINGS = BoostingSettings(
    num_trees=60,
    num_leaves=8,
    max_depth=6,
    learning_rate=0.1,
    row_fraction=0.8,
    column_fraction=0.3,
    min_weight=3,
    ridge=2,
)
HEAD = '''"""The trained trees that score blocks and pages, written by `python -m benchmarks.block_model.train`.

See `tree_file` for the form of these texts.
"""

'''


class TrainedModels(NamedTuple):
    """The trees that score blocks, and pages as articles and as documentation."""

    blocks: Trees
    articles: Trees
    documentation: Trees

    def pack(self) -> Models:
        """Return the models as the extraction reads them."""
        return Models(*map(pack_trees, self))


def train_models(pages: Sequence[LabelledPage]) -> TrainedModels:
    """Train the trees of blocks, and those that tell articles from other pages."""
    features, labels, weights = (np.concatenate([page[field] for page in pages]) for field in (0, 2, 3))
    blocks, _ = train_trees(features, labels, weights, BLOCK_SETTINGS)
    page_features = np.stack([page.page_features for page in pages])
    kinds = [np.array([page.kind == kind for page in pages], np.float64) for kind in ("article", "documentation")]
    articles, documentation = (
        train_trees(page_features, is_kind, np.ones(len(pages)), PAGE_SETTINGS)[0] for is_kind in kinds
    )
    return TrainedModels(blocks, articles, documentation)


def main() -> None:
    """Train on all pages, and write the model."""
    pages = [label_page(page) for page in load_gold_pages()]
    if not pages:
        raise SystemExit("no pages to train on: ../shared/data has none of the sets")
    models = train_models(pages)
    path = Path(tasks.clean.extract.html.block_scores.__file__).parent / "model.py"
    names = ("BLOCK_TREES", "ARTICLE_TREES", "DOCUMENTATION_TREES")
    texts = {name: encode_trees(trees) for name, trees in zip(names, models, strict=True)}
    path.write_text(HEAD + "\n".join(f'{name} = """\n{text}\n"""' for name, text in texts.items()) + "\n", "utf-8")
    sizes = [len(page.labels) for page in pages]
    print(f"{len(pages)} pages, {sum(sizes):,} blocks; {path} has {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
