"""Every metric of the evaluation against an implementation that others wrote, on a thousand random cases each.

    python -m benchmarks.metrics [--quick]

Accuracy, F1, precision, recall and Matthews' correlation: scikit-learn; correlations: scipy; entities: seqeval;
answers: torchmetrics' SQuAD; BLEU and chrF: sacrebleu's own corpus scores; ROUGE: rouge-score; nDCG and
reciprocal rank: scikit-learn; perplexity: torch. Of Chinese texts the others get each character parted by a space.
"""

import math
import random
import warnings
from collections.abc import Callable

import numpy as np
import torch
from sacrebleu import corpus_bleu, corpus_chrf
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk
from torch.nn.functional import cross_entropy
from torchmetrics.functional.text import squad

from benchmarks.report import Scale, installed, print_result, print_table, print_versions, read_scale
from tasks.downstream.metrics.answers import score_span_answers
from tasks.downstream.metrics.classes import score_classes
from tasks.downstream.metrics.correlation import score_correlations
from tasks.downstream.metrics.entities import score_entities
from tasks.downstream.metrics.generation import score_generations
from tasks.downstream.metrics.likelihood import score_choices, score_likelihoods
from tasks.downstream.metrics.ranking import CUTOFF, score_rankings

CASES = {Scale.FULL: 1000, Scale.QUICK: 50, Scale.SMOKE: 2}
CLOSE = 1e-6  # torchmetrics counts in single precision
ENGLISH = ["the", "a", "An", "cat", "cats", "sat", "on", "mat", "mat.", "U.S.", "it's", "1976", "(late)", "The"]
ROUGE = ["rouge1", "rouge2", "rougeL"]
CHINESE = list("北京大学的猫坐在垫子上一九七六年")

Values = dict[str, float]


def classes(draw: random.Random) -> tuple[Values, Values]:
    """Scores of one class of several."""
    rng = np.random.default_rng(draw.getrandbits(32))
    kinds, examples = int(rng.integers(2, 9)), int(rng.integers(1, 60))
    truth, predicted = rng.integers(0, kinds, (2, examples))
    ours = {name: score.value for name, score in score_classes(truth, predicted, kinds).items()}
    macro = {"average": "macro", "zero_division": 0}
    binary = {"f1": sk.f1_score(truth, predicted, zero_division=0)} if kinds == 2 else {}
    return ours, binary | {
        "accuracy": sk.accuracy_score(truth, predicted),
        "macro_f1": sk.f1_score(truth, predicted, **macro),
        "macro_precision": sk.precision_score(truth, predicted, **macro),
        "macro_recall": sk.recall_score(truth, predicted, **macro),
        "micro_f1": sk.f1_score(truth, predicted, average="micro"),
        "mcc": sk.matthews_corrcoef(truth, predicted),
    }


def numbers(draw: random.Random) -> tuple[Values, Values]:
    """Correlations, with ties and a large offset."""
    rng = np.random.default_rng(draw.getrandbits(32))
    truth = rng.integers(0, 6, int(rng.integers(3, 80))).astype(np.float64) + 1e6
    truth[0] += 1
    predicted = truth + rng.normal(size=truth.size) * rng.integers(1, 9)
    ours = {name: score.value for name, score in score_correlations(truth, predicted).items()}
    return ours, {"pearson": pearsonr(truth, predicted)[0], "spearman": spearmanr(truth, predicted)[0]}


def entities(draw: random.Random) -> tuple[Values, Values]:
    """Entities in tags of every scheme, torn ones too."""
    from seqeval import metrics as seqeval

    tags = ["O", "O", *(f"{letter}-{kind}" for letter in draw.choice(["BI", "BIES"]) for kind in ("PER", "LOC", "ORG"))]
    lengths = [draw.randint(1, 12) for _ in range(draw.randint(1, 8))]
    truth = [[draw.choice(tags) for _ in range(length)] for length in lengths]
    predicted = [[tag if draw.random() < 0.7 else draw.choice(tags) for tag in each] for each in truth]
    ours = {name: score.value for name, score in score_entities(truth, predicted).items()}
    macro = seqeval.f1_score(truth, predicted, average="macro", zero_division=0)
    return ours, {
        "f1": seqeval.f1_score(truth, predicted, zero_division=0),
        "precision": seqeval.precision_score(truth, predicted, zero_division=0),
        "recall": seqeval.recall_score(truth, predicted, zero_division=0),
        # where nobody names an entity, its mean over no types is no number, though its other scores are 0
        "macro_f1": 0.0 if math.isnan(macro) else macro,
    }


def answers(draw: random.Random) -> tuple[Values, Values]:
    """Answers of some words, against one to three true ones."""
    words = draw.choice([ENGLISH, CHINESE])
    between = " " if words is ENGLISH else ""
    drawn = [[[draw.choice(words) for _ in range(draw.randint(1, 6))] for _ in range(draw.randint(2, 4))] for _ in "ab"]
    truth = [[between.join(each) for each in answer[1:]] for answer in drawn]
    given = [between.join(answer[0]) for answer in drawn]
    ours = {name: 100 * score.value for name, score in score_span_answers(truth, given).items()}
    spaced = [" ".join(answer[0]) for answer in drawn]
    references = [[" ".join(each) for each in answer[1:]] for answer in drawn]
    found = squad(
        [{"prediction_text": text, "id": str(number)} for number, text in enumerate(spaced)],
        [
            {"answers": {"answer_start": [0] * len(each), "text": each}, "id": str(number)}
            for number, each in enumerate(references)
        ],
    )
    return ours, {name: float(value) for name, value in found.items()}


def generation(draw: random.Random) -> tuple[Values, Values]:
    """Texts of some words, against two references."""
    words = draw.choice([ENGLISH, CHINESE])
    between, tokenizer = (" ", "13a") if words is ENGLISH else ("", "zh")
    drawn = [[[draw.choice(words) for _ in range(draw.randint(4, 14))] for _ in range(3)] for _ in range(4)]
    for one, two, written in drawn:
        written[:3] = one[:3]
        two[-2:] = written[-2:]
    texts = [[between.join(each) for each in case] for case in drawn]
    references, given = [case[:2] for case in texts], [case[2] for case in texts]
    ours = {name: score.value for name, score in score_generations(references, given, tokenizer).items()}
    columns = [list(column) for column in zip(*references, strict=True)]
    theirs = {
        "bleu": corpus_bleu(given, columns, tokenize=tokenizer).score / 100,
        "chrf": corpus_chrf(given, columns).score / 100,
    }
    if not installed("rouge-score"):
        return {name: value for name, value in ours.items() if name not in ROUGE}, theirs
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(ROUGE, tokenizer=Spaced() if words is CHINESE else None)
    scores = [scorer.score_multi([" ".join(each) for each in case[:2]], " ".join(case[2])) for case in drawn]
    return ours, theirs | {name: float(np.mean([each[name].fmeasure for each in scores])) for name in ROUGE}


class Spaced:
    """rouge-score knows ASCII only: for Chinese it gets the characters."""

    def tokenize(self, text: str) -> list[str]:
        """What stands between spaces."""
        return text.split()


def likelihood(draw: random.Random) -> tuple[Values, Values]:
    """Perplexity of some tokens, and pairs."""
    generator = torch.Generator().manual_seed(draw.getrandbits(32))
    logits = torch.randn(draw.randint(2, 40), 11, generator=generator, dtype=torch.float64)
    tokens = torch.randint(0, 11, (len(logits),), generator=generator)
    nats = cross_entropy(logits, tokens, reduction="none").numpy()
    found = score_likelihoods(nats, np.ones_like(nats), np.full_like(nats, 3))
    pairs = [np.array([draw.randint(0, 3), draw.randint(0, 3)], np.float64) for _ in range(9)]
    right = [draw.randint(0, 1) for _ in pairs]
    ours = {name: score.value for name, score in found.items()} | {"choice": score_choices(pairs, right).value}
    loss = float(cross_entropy(logits, tokens))
    signs = [float(np.sign(pair[place] - pair[1 - place])) for pair, place in zip(pairs, right, strict=True)]
    return ours, {
        "perplexity": math.exp(loss),
        "space_saving": 1 - loss / math.log(2) / 3 / 8,
        "bits_per_byte": loss / 3 / math.log(2),
        "choice": float(np.mean([(sign + 1) / 2 for sign in signs])),
    }


def ranking(draw: random.Random) -> tuple[Values, Values]:
    """Documents in order for some questions."""
    rng = np.random.default_rng(draw.getrandbits(32))
    questions, documents = int(rng.integers(1, 9)), int(rng.integers(2, 40))
    similar = rng.normal(size=(questions, documents))
    relevant = rng.random((questions, documents)) < rng.random() / 2
    relevant[np.arange(questions), rng.integers(0, documents, questions)] = True
    ours = {name: score.value for name, score in score_rankings(similar, relevant).items()}
    pairs = list(zip(relevant, similar, strict=True))
    first = [sk.label_ranking_average_precision_score(*best(row, scores)) for row, scores in pairs]
    top = [set(np.argsort(-scores)[:CUTOFF]) for scores in similar]
    found = [len(each & set(np.flatnonzero(row))) / row.sum() for each, row in zip(top, relevant, strict=True)]
    return ours, {
        f"ndcg@{CUTOFF}": sk.ndcg_score(relevant, similar, k=CUTOFF),
        "mrr": float(np.mean(first)),
        f"recall@{CUTOFF}": float(np.mean(found)),
    }


def best(row: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the best relevant document: then average precision is the reciprocal rank."""
    kept = np.zeros_like(row)
    kept[max(np.flatnonzero(row), key=lambda place: scores[place])] = True
    return kept[None], scores[None]


KINDS: dict[str, Callable[[random.Random], tuple[Values, Values]]] = {
    "classes": classes,
    "correlation": numbers,
    "entities": entities,
    "answers": answers,
    "generation": generation,
    "likelihood": likelihood,
    "ranking": ranking,
}


def differing(kind: str, cases: int) -> dict[str, tuple[int, float]]:
    """How many of so many cases differ, and by how much at most, for each metric of a kind."""
    draw = random.Random(kind)
    found: dict[str, tuple[int, float]] = {}
    for _ in range(cases):
        ours, theirs = KINDS[kind](draw)
        assert ours.keys() == theirs.keys(), (ours.keys(), theirs.keys())
        for name, value in theirs.items():
            gap = abs(ours[name] - value) / max(1.0, abs(value))
            count, most = found.get(name, (0, 0.0))
            found[name] = (count + (not gap <= CLOSE), max(most, gap))
    return found


def main() -> None:
    cases = CASES[read_scale(__doc__)]
    kinds = [kind for kind in KINDS if kind != "entities" or installed("seqeval")]
    print_versions("scikit-learn", "scipy", "seqeval", "torchmetrics", "sacrebleu", "rouge-score")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scores that are not defined for a random case
        found = {(kind, name): gaps for kind in kinds for name, gaps in differing(kind, cases).items()}
    rows = [[kind, name, cases, count, f"{gap:.1e}"] for (kind, name), (count, gap) in found.items()]
    print_table(["kind", "metric", "cases", "differ", "largest gap"], rows)
    mismatches = sum(count for count, _ in found.values())
    print_result("metrics", {}, {"cases": cases * len(found), "mismatches": mismatches})


if __name__ == "__main__":
    main()
