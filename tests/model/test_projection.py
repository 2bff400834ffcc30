import pytest
import torch
from torch.nn import functional

from tasks.model import projection
from tasks.model.projection import linear_cross_entropy, score_logits_fused, score_logits_in_place


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_value_and_gradients_are_those_of_torch(monkeypatch: pytest.MonkeyPatch, chunk: int, bias: bool) -> None:
    monkeypatch.setattr(projection, "MAX_LOGITS", chunk * 11)
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 11, (10,), generator=generator)
    targets[::4] = -100
    inputs = [torch.randn(*shape, generator=generator) for shape in ((10, 6), (11, 6), (11,))]
    ours = [tensor.clone().requires_grad_() for tensor in inputs]
    theirs = [tensor.clone().requires_grad_() for tensor in inputs]
    value = linear_cross_entropy(ours[0], ours[1], ours[2] if bias else None, targets)
    logits = functional.linear(theirs[0], theirs[1], theirs[2] if bias else None)
    expected = functional.cross_entropy(logits, targets, reduction="sum", ignore_index=-100)
    torch.testing.assert_close(value, expected)
    (value * 0.5).backward()
    (expected * 0.5).backward()
    for mine, its in zip(ours[: 2 + bias], theirs, strict=False):
        torch.testing.assert_close(mine.grad, its.grad)


def test_positions_without_a_target_get_no_gradient() -> None:
    hidden = torch.randn(2, 4, requires_grad=True)
    linear_cross_entropy(hidden, torch.randn(5, 4), None, torch.tensor([-100, 1])).backward()
    assert hidden.grad is not None
    assert hidden.grad[0].eq(0).all()
    assert hidden.grad[1].ne(0).any()


def test_an_unlikely_target_has_a_large_loss_and_not_an_infinite_one() -> None:
    value = linear_cross_entropy(torch.tensor([[1.0]]), torch.tensor([[500.0], [0.0]]), None, torch.tensor([1]))
    assert value.item() == pytest.approx(500)


def test_bf16_products_give_float32_sums_close_to_those_of_float32() -> None:
    hidden, weight, targets = torch.randn(20, 16), torch.randn(30, 16), torch.arange(20)
    exact = linear_cross_entropy(hidden, weight, None, targets)
    with torch.autocast("cpu", torch.bfloat16):
        rough = linear_cross_entropy(hidden, weight, None, targets)
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), rel=0.02)
    assert rough.item() != exact.item()


def test_what_is_compiled_for_gpus_is_the_same() -> None:
    logits, targets = torch.randn(20, 30), torch.arange(20)
    targets[::3] = -100
    for fused, expected in zip(
        score_logits_fused(logits, targets), score_logits_in_place(logits, targets), strict=True
    ):
        torch.testing.assert_close(fused, expected)
