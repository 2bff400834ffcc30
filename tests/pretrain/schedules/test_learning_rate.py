from itertools import pairwise

import pytest

from tasks.pretrain.schedules.learning_rate import Schedule


def factors(steps: int = 100, **settings: object) -> list[float]:
    return [Schedule.model_validate(settings).factor(step, steps) for step in range(steps)]


def test_warmup_rises_in_even_steps_to_one() -> None:
    assert factors(warmup=0.1)[:10] == pytest.approx([0.1 * step for step in range(1, 11)])


def test_wsd_stays_at_one_and_falls_at_the_end() -> None:
    given = factors(shape="wsd", warmup=0.1, decay=0.2)
    assert given[9:80] == [1.0] * 71
    assert given[80:] == pytest.approx([(100 - step) / 20 for step in range(80, 100)])


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_the_others_fall_from_the_warmup_on(shape: str) -> None:
    given = factors(shape=shape, warmup=0.1, floor=0.2)
    assert given[10] == pytest.approx(1.0, abs=0.01)
    assert all(one > next_one for one, next_one in pairwise(given[10:]))
    assert 0.2 < given[-1] < 0.22
    assert given[55] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    "settings", [{"warmup": 0, "decay": 0}, {"warmup": 1, "shape": "linear"}, {"warmup": 1, "decay": 1}]
)
def test_every_step_of_any_run_learns(settings: dict[str, object]) -> None:
    for steps in (1, 2, 7):
        assert all(0 < factor <= 1 for factor in factors(steps, **settings))
