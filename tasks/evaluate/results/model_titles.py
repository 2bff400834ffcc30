"""Titles of the scored models for people, and the two groups of baselines."""

MODEL_TITLES = {
    "pretrained": "pretrained",
    "continued": "pretrained + continued pretraining",
    "augmented": "pretrained + augmented texts",
    "unlabelled": "pretrained + unlabelled texts",
    "prompted": "pretrained, examples in the prompt",
    "random": "random weights",
    "tfidf": "TF-IDF + logistic regression",
    "cosine": "TF-IDF cosine",
    "known": "entities seen in training",
    "shortest": "shortest text",
    "clause": "most similar clause",
    "lzma": "LZMA",
    "bm25": "BM25",
    "majority": "largest class of the training part",
    "mean": "mean of the training sample",
    "outside": "no entity",
    "chance": "chance",
    "beginning": "beginning of the text",
    "bytes": "byte frequencies",
    "longest": "longest documents",
    "lead": "first words of the text",
    "nearest": "answer of the nearest example",
    "copy": "copy of the text",
}
"""Title of every model by its name, in the order of the tables. Further checkpoints are not in it: their title is the
name of their folder."""
PROMPTED_SUFFIX = ", examples in the prompt"
"""Suffix of the name of a further checkpoint that answers prompts"""
LEXICAL_BASELINES = ("tfidf", "cosine", "known", "shortest", "clause", "lzma", "bm25", "lead", "nearest")
"""Baselines that read the words of a text."""
TRIVIAL_BASELINES = ("majority", "mean", "outside", "chance", "beginning", "bytes", "longest", "copy")
"""Baselines that give the same kind of answer to every text, whatever its words."""


def get_model_title(model: str) -> str:
    """Return the title of a model for people; a further checkpoint is called by the name of its folder."""
    return MODEL_TITLES.get(model, model)
