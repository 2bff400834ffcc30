from itertools import pairwise

import pytest

from tasks.pretrain.schedules.learning_rate import Schedule


def factors(steps: int = 100, **settings: object) -> list[float]:
    return [Schedule.model_validate(settings).lr_factor(step, steps) for step in range(steps)]


def test_warmup_rises_in_even_steps_to_one() -> None:
    assert factors(warmup_fraction=0.1)[:10] == pytest.approx([0.1 * step for step in range(1, 11)])


def test_wsd_stays_at_one_and_falls_at_the_end() -> None:
    values = factors(shape="wsd", warmup_fraction=0.1, decay_fraction=0.2)
    assert values[9:80] == [1.0] * 71
    assert values[80:] == pytest.approx([(100 - step) / 20 for step in range(80, 100)])


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_the_others_fall_from_the_warmup_on(shape: str) -> None:
    values = factors(shape=shape, warmup_fraction=0.1, min_lr_ratio=0.2)
    assert values[10] == pytest.approx(1.0, abs=0.01)
    assert all(one > next_one for one, next_one in pairwise(values[10:]))
    assert 0.2 < values[-1] < 0.22
    assert values[55] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"warmup_fraction": 0, "decay_fraction": 0},
        {"warmup_fraction": 1, "shape": "linear"},
        {"warmup_fraction": 1, "decay_fraction": 1},
    ],
)
def test_every_step_of_any_run_learns(settings: dict[str, object]) -> None:
    for steps in (1, 2, 7):
        assert all(0 < factor <= 1 for factor in factors(steps, **settings))
