"""How the settings of a search are written."""

import pytest
from pydantic import ValidationError

from tasks.tuning.settings import Tuning
from tasks.tuning.space import Dimension


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("a.b=log:1e-4..1e-2", "log", (1e-4, 1e-2)),
        ("a.b=int:2..8", "int", (2, 8)),
        ("a.b=float:-1..0.5", "float", (-1, 0.5)),
        ("a.b=choice:wsd,cosine", "choice", ("wsd", "cosine")),
        ("a.b=choice:1e-4,8,true,null", "choice", (1e-4, 8, True, None)),
    ],
)
def test_each_form_is_read(text: str, kind: str, values: tuple[object, ...]) -> None:
    assert Dimension.parse(text) == Dimension("a.b", kind, values)


@pytest.mark.parametrize(
    (("text", "message")),
    [
        ("a.b=5", "is not of the form SETTING=log:LOW..HIGH,"),
        ("a.b=log:0..1", "LOW must be less than HIGH and more than 0"),
        ("a.b=int:8..2", "LOW must be less than HIGH"),
        ("a.b=int:1..2.5", "int needs whole numbers"),
        ("a.b=float:1", "is not of the form LOW..HIGH"),
        ("a.b=choice:one", "at least two different choices"),
        ("a.b=choice:[1],[2]", "each a word or a number"),
    ],
)
def test_what_cannot_be_tuned_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tuning(space=(text,))


def test_a_setting_is_given_once() -> None:
    with pytest.raises(ValidationError, match=r"a\.b is given twice"):
        Tuning(space=("a.b=int:1..2", "a.b=int:3..4"))


@pytest.mark.parametrize(
    (("space", "message")),
    [
        (("evaluate.seeds=int:3..9",), "evaluate.seeds does not change how the pretrained model is fine-tuned"),
        (("evaluate.finetuning.unlabelled.loss_weight=float:1..2",), r"tune settings of evaluate\.finetuning"),
        (
            ("evaluate.finetuning.augmentation.max_copies=int:1..4",),
            r"augmentation\.max_copies does not change how the pretrained",
        ),
        (
            ("evaluate.finetuning.continued_pretraining.epochs=int:1..4",),
            r"continued_pretraining\.epochs does not change how the pretrained",
        ),
        (
            ("pretrain.steps=int:3..9", "evaluate.finetuning.epochs=int:1..4"),
            "evaluate.finetuning.epochs does not change the validation loss.* on its own, by the validation score",
        ),
    ],
)
def test_fine_tuning_and_pretraining_are_tuned_separately(space: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tuning(space=space)


def test_the_settings_decide_the_metric() -> None:
    assert Tuning(space=("pretrain.steps=int:3..9",)).metric == "validation loss"
    finetuning = Tuning(
        space=("evaluate.finetuning.batch_size=int:4..32", "evaluate.finetuning.method.kind=choice:full,lora")
    )
    assert (finetuning.metric, finetuning.is_finetuning) == ("validation score", True)
    assert "checkpoint" not in finetuning.semantic(), "what it is called decides nothing"


def test_scales_between_whole_numbers_give_whole_numbers() -> None:
    distributions = pytest.importorskip("optuna").distributions
    assert Dimension.parse("a=log:1..64").distribution() == distributions.IntDistribution(1, 64, log=True)
    assert Dimension.parse("a=float:1..2").distribution() == distributions.FloatDistribution(1, 2)
    assert Dimension.parse("a=log:1e-3..1").distribution() == distributions.FloatDistribution(1e-3, 1, log=True)


def test_a_dimension_knows_its_values() -> None:
    assert Dimension.parse("a=int:1..4").contains(4)
    assert not Dimension.parse("a=int:1..4").contains(5)
    assert not Dimension.parse("a=int:1..4").contains(None)
    assert Dimension.parse("a=choice:one,null").contains(None)
