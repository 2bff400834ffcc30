"""Masked language modelling: BERT, RoBERTa, SpanBERT, and ELECTRA, which hides by the same rules."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.errors import StageFailure
from tasks.model import word_boundaries
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.corruption.masking_units import find_unit_starts, sample_span_starts, sample_whole_units
from tasks.pretrain.data.arrays import IGNORE_INDEX
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.learners.electra_generator import ElectraLearner, sample_tokens
from tasks.pretrain.objectives.masked import Masked
from tasks.pretrain.objectives.replaced_token_detection import ReplacedTokenDetection
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt, small

SAMPLES = np.arange(8)
WORDS = Vocabulary(size=1000, pad=0, start=2, end=3, mask=4, special=(1,))


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    return PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 64, start=2).read_samples(
        SAMPLES, seed=0
    )


def find_hidden(batch: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return flags of the positions that have a target."""
    hidden = np.zeros(shape, dtype=bool)
    hidden.ravel()[batch["predicted_indices"][batch["targets"] >= 0]] = True
    return hidden


@pytest.mark.parametrize("units", ["tokens", "words", "spans"])
def test_it_hides_a_fixed_number_a_row_and_never_special_tokens(rows: Rows, units: str) -> None:
    batch = Masked(units=units).make_batch(rows, Randomness(0, SAMPLES))
    indices, targets = batch["predicted_indices"].reshape(8, -1), batch["targets"].reshape(8, -1)
    assert indices.shape == (8, 10)  # 0.15 × 64
    for row in range(8):
        within = indices[row] - row * 64
        assert len(set(within.tolist())) == 10
        assert ((within >= 0) & (within < 64)).all()
        used = targets[row] >= 0
        assert np.array_equal(targets[row][used], rows.tokens[row, within][used])
        assert used.sum() >= (8 if units == "words" else 10)
    assert (targets >= 0).mean() > 0.98, "words of one token fill what longer ones leave"
    assert not rows.vocabulary.is_special[targets[targets >= 0]].any()
    untouched = np.ones(rows.tokens.size, dtype=bool)
    untouched[indices.ravel()] = False
    assert np.array_equal(batch["tokens"].ravel()[untouched], rows.tokens.ravel()[untouched])


def test_rows_with_little_text_have_empty_slots(rows: Rows) -> None:
    documents = np.full_like(rows.documents, -1)
    documents[:, :3] = 0
    bare = Rows(np.where(documents < 0, 0, 99), rows.positions, documents, rows.vocabulary)
    targets = Masked().make_batch(bare, Randomness(0, SAMPLES))["targets"].reshape(8, -1)
    assert ((targets == 99).sum(1) == 3).all()
    assert ((targets == IGNORE_INDEX).sum(1) == 7).all()


def test_fractions_are_those_of_the_paper() -> None:
    tokens = np.full((400, 100), 9)
    rows = Rows(tokens, np.zeros_like(tokens), np.zeros_like(tokens), WORDS)
    batch = Masked(mask_rate=0.2).make_batch(rows, Randomness(0, np.arange(400)))
    shown = batch["tokens"].ravel()[batch["predicted_indices"]]
    assert len(shown) == 400 * 20
    assert (shown == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (shown == 9).mean() == pytest.approx(0.1, abs=0.015)
    swapped = shown[(shown != 4) & (shown != 9)]
    assert swapped.min() > 4
    assert len(np.unique(swapped)) > 400


def test_fractions_above_one_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not exceed 1"):
        Masked(mask_token_fraction=0.8, random_token_fraction=0.3)


def test_masks_are_new_in_each_epoch_unless_static(rows: Rows) -> None:
    later = SAMPLES + 1000
    for static in (False, True):
        objective = Masked(static_masking=static)
        one, two = (objective.make_batch(rows, Randomness(0, slots)) for slots in (SAMPLES, later))
        assert np.array_equal(one["predicted_indices"], two["predicted_indices"]) == static
        assert np.array_equal(one["tokens"], two["tokens"]) == static
    other = Masked(static_masking=True).make_batch(rows, Randomness(1, SAMPLES))
    assert not np.array_equal(other["predicted_indices"], two["predicted_indices"]), "the seed still counts"


def test_words_are_hidden_whole(rows: Rows) -> None:
    batch = Masked(units="words").make_batch(rows, Randomness(0, SAMPLES))
    hidden = find_hidden(batch, rows.tokens.shape)
    goes_on = ~rows.vocabulary.word_boundaries.find_starts(rows.tokens)
    goes_on[:, 1:] &= rows.documents[:, 1:] == rows.documents[:, :-1]
    inside = goes_on[:, 1:]
    assert np.array_equal(hidden[:, 1:][inside], hidden[:, :-1][inside])
    assert (hidden[:, 1:] & inside).sum() > 5, "some words have several tokens"


def test_spans_are_of_whole_words_with_one_fate_and_the_lengths_of_the_paper() -> None:
    begins = np.ones((2000, 100), dtype=bool)
    spans = sample_span_starts(begins, Randomness(0, np.arange(2000)).uniform("span", 100), 0.2, 10)
    lengths = np.concatenate([np.diff(np.flatnonzero(row)) for row in spans])
    assert lengths.max() == 10
    assert lengths.mean() == pytest.approx(3.8, abs=0.1)
    assert (lengths == 1).mean() == pytest.approx(0.2 / (1 - 0.8**10), abs=0.02)
    tokens = np.full((400, 100), 9)
    plain = Rows(tokens, np.zeros_like(tokens), np.zeros_like(tokens), make_vocabulary_of_words())
    batch = Masked(units="spans").make_batch(plain, Randomness(0, np.arange(400)))
    hidden = find_hidden(batch, tokens.shape)
    shown = batch["tokens"]
    pairs = hidden[:, 1:] & hidden[:, :-1]
    same = (shown[:, 1:] == 4) == (shown[:, :-1] == 4)
    assert same[pairs].mean() > 0.9, "only where two spans meet may the fate differ"
    assert (shown[hidden] == 4).mean() == pytest.approx(0.8, abs=0.03)


def make_vocabulary_of_words() -> Vocabulary:
    """A vocabulary in which every token is a word."""
    apart = Vocabulary(size=1000, pad=0, start=2, end=3, mask=4, special=(1,))
    apart.__dict__["word_boundaries"] = word_boundaries.WordBoundaries([b" w"] * 1000)
    return apart


def test_units_that_do_not_fit_are_passed_over() -> None:
    """Of units of 3, 2, 1 and 2 positions with rising random numbers, a budget of 4 takes the first and the third."""
    begins = np.array([[1, 0, 0, 1, 0, 1, 1, 0]], dtype=bool)
    uniform = np.array([[0.1, 0, 0, 0.2, 0, 0.3, 0.4, 0]])
    chosen = sample_whole_units(find_unit_starts(begins), np.ones_like(begins), uniform, 4)
    assert chosen.astype(int).tolist() == [[1, 1, 1, 0, 0, 1, 0, 0]]
    none = sample_whole_units(find_unit_starts(begins), np.zeros_like(begins), uniform, 4)
    assert not none.any()


def test_a_mask_token_is_needed(training: Callable[..., Training]) -> None:
    with pytest.raises(StageFailure, match="the tokenizer has no mask token"):
        Masked().check_tokenizer(Vocabulary(size=10, pad=0))


def test_without_the_segmenter_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    word_boundaries.load_segmenter.cache_clear()
    with pytest.raises(StageFailure, match=r"rjieba.*textmill\[chinese\]"):
        Masked(units="words", segmenter="jieba").check_tokenizer(WORDS)
    Masked(segmenter="jieba").check_tokenizer(WORDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [
        {"kind": "masked", "masked": {"units": "words"}},
        {"kind": "masked", "masked": {"units": "spans"}},
        {"kind": "masked", "masked": {"static_masking": True}},
    ],
)
def test_a_tiny_run_on_real_text_learns(training: Callable[..., Training], chosen: dict[str, object]) -> None:
    assert learnt(training(forty_steps(family="bert", objective=chosen))) > 0.5


def build_electra_learner(rows: Rows) -> ElectraLearner:
    settings = small(family="electra", objective={"kind": "replaced_token_detection"}).architecture
    settings = settings.model_copy(update={"max_length": 64})
    model = PackedModel(build_model(settings, rows.vocabulary, seed=0), settings.model_kind)
    learner = ReplacedTokenDetection().build_learner(model, rows.vocabulary, seed=0)
    assert isinstance(learner, ElectraLearner)
    return learner


def test_the_generator_is_small_and_shares_the_embeddings(rows: Rows) -> None:
    learner = build_electra_learner(rows)
    assert learner.generator.config.hidden_size == 16, "one of the two heads"
    embeddings = learner.module.get_submodule("electra.embeddings")
    assert learner.generator.get_submodule("electra.embeddings") is embeddings
    assert learner.generator_model.head is not None
    assert learner.generator_model.head.weight is embeddings.get_submodule("word_embeddings").weight
    assert ReplacedTokenDetection().export_model(learner) is learner.module


def test_detection_counts_every_position_and_right_predictions_are_original(rows: Rows) -> None:
    learner, objective = build_electra_learner(rows), ReplacedTokenDetection()
    batch = {
        name: torch.from_numpy(array) for name, array in objective.make_batch(rows, Randomness(0, SAMPLES)).items()
    }
    assert (batch["tokens"].flatten()[batch["predicted_indices"]] == rows.vocabulary.mask).all()
    seen: list[torch.Tensor] = []
    head = learner.module.get_submodule("discriminator_predictions")
    trunk = learner.module.base_model
    hooks = [
        trunk.register_forward_hook(lambda _m, _a, given, _o: seen.append(given["input_ids"]), with_kwargs=True),
        head.register_forward_hook(lambda _m, _a, out: torch.zeros_like(out)),
    ]
    _, detected = learner.compute_losses(batch)
    for hook in hooks:
        hook.remove()
    is_masked = torch.zeros(rows.tokens.size, dtype=torch.bool)
    is_masked[batch["predicted_indices"]] = True
    assert torch.equal(seen[0].flatten()[~is_masked], batch["originals"].flatten()[~is_masked])
    assert (seen[0].flatten()[is_masked] != batch["originals"].flatten()[is_masked]).float().mean() > 0.9
    # a logit of 0 costs ln 2 at each position that is not padding
    assert detected.item() == pytest.approx(np.log(2) * (rows.documents >= 0).sum(), rel=1e-5)


def test_samples_follow_the_generators_probabilities(rows: Rows) -> None:
    learner = build_electra_learner(rows)
    head = learner.generator_model.head
    assert head is not None
    with torch.no_grad():
        head.bias.fill_(-20.0)
        head.bias[[7, 9]] = torch.tensor([3.0, 3.0 + np.log(3)], dtype=head.bias.dtype)
        head.weight.zero_()
    uniform = torch.linspace(1e-4, 1 - 1e-4, 4001, dtype=torch.float64)
    tokens = sample_tokens(learner.generator_model, torch.zeros(4001, 16), uniform)
    assert set(tokens.tolist()) == {7, 9}
    assert (tokens == 9).double().mean() == pytest.approx(0.75, abs=0.01)


def test_another_family_than_electra_is_refused(rows: Rows) -> None:
    settings = small(family="bert").architecture
    model = PackedModel(build_model(settings, rows.vocabulary, seed=0), settings.model_kind)
    with pytest.raises(StageFailure, match=r"Set pretrain\.architecture\.family to electra"):
        ReplacedTokenDetection().build_learner(model, rows.vocabulary, seed=0)


@pytest.mark.slow
def test_electra_learns_from_real_text(training: Callable[..., Training]) -> None:
    chosen = {"kind": "replaced_token_detection"}
    settings = forty_steps(family="electra", objective=chosen, optimizer={"learning_rate": 0.01})
    assert learnt(training(settings)) > 8, "it begins at 50 × ln 2 + ln 500"
