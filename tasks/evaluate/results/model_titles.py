"""Titles of the scored models for people, and the two groups of baselines."""

MODEL_TITLES = {
    "pretrained": "pretrained",
    "continued": "pretrained + the task's text",
    "augmented": "pretrained + altered copies",
    "unlabelled": "pretrained + unlabelled texts",
    "random": "random weights",
    "tfidf": "TF-IDF + logistic regression",
    "cosine": "TF-IDF cosine",
    "known": "entities of the sample",
    "shortest": "the shortest text",
    "clause": "the likeliest clause",
    "lzma": "LZMA",
    "bm25": "BM25",
    "majority": "majority guess",
    "mean": "mean of the sample",
    "outside": "no entity",
    "chance": "chance",
    "beginning": "the beginning of the text",
    "bytes": "frequencies of bytes",
    "longest": "the longest documents",
    "lead": "the text's first words",
    "nearest": "what the nearest example has",
    "copy": "the text itself",
}
"""Title of every model by its name, in the order of the tables. Further checkpoints are not in it: their title is the
name of their folder."""
LEXICAL_BASELINES = ("tfidf", "cosine", "known", "shortest", "clause", "lzma", "bm25", "lead", "nearest")
"""Baselines that read the words of a text."""
TRIVIAL_BASELINES = ("majority", "mean", "outside", "chance", "beginning", "bytes", "longest", "copy")
"""Baselines that give the same kind of answer to every text, whatever its words."""


def get_model_title(model: str) -> str:
    """Return the title of a model for people; a further checkpoint is called by the name of its folder."""
    return MODEL_TITLES.get(model, model)
