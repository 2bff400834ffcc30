import pytest
import torch
from torch import nn

from tasks.model.architecture import Architecture
from tasks.model.families import build_model
from tasks.model.vocabulary import Vocabulary
from tasks.pretrain.optim.muon_adamw import Muon, Optimizers, newton_schulz
from tasks.pretrain.settings import Optimizer


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(4, 24, 24), (2, 24, 96), (2, 96, 24)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, ...]) -> None:
    matrices = random(*shape) * torch.tensor([1e-3, 1.0, 30.0, 2.0])[: shape[0], None, None]
    result = newton_schulz(matrices)
    assert result.shape == matrices.shape
    values = torch.linalg.svdvals(result)
    assert values.max() < 1.25
    assert values.quantile(0.1) > 0.65
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    aligned = (u.mT @ result @ vt.mT).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(aligned, values_in_order(aligned), atol=0.0, rtol=0.0)
    off = u.mT @ result @ vt.mT - torch.diag_embed(aligned)
    assert off.abs().max() < 1e-3


def values_in_order(aligned: torch.Tensor) -> torch.Tensor:
    """Singular values are positive: none of the directions may be turned round."""
    return aligned.abs()


def test_a_batch_of_matrices_gives_what_each_gives_alone() -> None:
    matrices = random(5, 16, 48)
    together = newton_schulz(matrices)
    for number in range(5):
        torch.testing.assert_close(
            together[number], newton_schulz(matrices[number : number + 1])[0], atol=1e-5, rtol=1e-5
        )


def take_muon_steps(
    parts: int, matrices: list[torch.Tensor], gradients: list[list[torch.Tensor]]
) -> list[torch.Tensor]:
    parameters = [nn.Parameter(matrix.clone()) for matrix in matrices]
    muon = Muon([(parameter, parts) for parameter in parameters], lr=0.1, momentum=0.9, weight_decay=0.1)
    for step_gradients in gradients:
        for parameter, gradient in zip(parameters, step_gradients, strict=True):
            parameter.grad = gradient.clone()
        muon.step()
    return [parameter.detach() for parameter in parameters]


def test_a_fused_matrix_moves_as_its_parts_would() -> None:
    fused, first_gradient, second_gradient = (random(8, 24, seed=seed) for seed in (0, 1, 2))
    parts, first_gradients, second_gradients = (
        list(matrix.chunk(3, dim=1)) for matrix in (fused, first_gradient, second_gradient)
    )

    (moved,) = take_muon_steps(3, [fused], [[first_gradient], [second_gradient]])
    moved_parts = take_muon_steps(1, parts, [first_gradients, second_gradients])

    torch.testing.assert_close(moved, torch.cat(moved_parts, dim=1), atol=1e-5, rtol=1e-5)


def test_a_step_is_decay_and_then_the_direction_of_the_looked_ahead_momentum() -> None:
    matrix, gradient = random(6, 6), random(6, 6, seed=1)
    moved = take_muon_steps(1, [matrix], [[gradient]])[0]
    expected = matrix * (1 - 0.1 * 0.1) - 0.1 * newton_schulz(gradient[None])[0]
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=1e-5)


def model(family: str) -> nn.Module:
    settings = Architecture(family=family, num_layers=2, hidden_size=16, num_heads=2, max_length=8)
    return build_model(settings, Vocabulary(size=40, pad=0, mask=4), seed=0)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_every_parameter_has_exactly_one_optimizer_and_muon_takes_only_inner_matrices(family: str, kind: str) -> None:
    built = model(family)
    optimizers = Optimizers(Optimizer(kind=kind), built)
    held = [
        optimizers.names[p] for part in optimizers.optimizers for group in part.param_groups for p in group["params"]
    ]
    assert sorted(held) == sorted(name for name, _ in built.named_parameters())
    if kind == "adamw":
        assert len(optimizers.optimizers) == 1
        return
    names = [optimizers.names[p] for p in optimizers.optimizers[1].param_groups[0]["params"]]
    assert len(names) == {"gpt2": 2 * 4, "bert": 2 * 6 + 1}[family]
    assert not [name for name in names if "embed" in name or "wte" in name or "wpe" in name or "decoder" in name]


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_the_state_taken_back_goes_on_to_the_same_bits(kind: str) -> None:
    def run(steps: list[int], built: nn.Module, optimizers: Optimizers) -> None:
        for step in steps:
            for number, parameter in enumerate(built.parameters()):
                parameter.grad = random(*parameter.shape, seed=100 * step + number)
            optimizers.step(0.5)

    def pair() -> tuple[nn.Module, Optimizers]:
        built = model("gpt2")
        return built, Optimizers(Optimizer(kind=kind), built)

    uninterrupted, first, second = pair(), pair(), pair()
    run([1, 2, 3, 4], *uninterrupted)
    run([1, 2], *first)
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state({name: tensor.clone() for name, tensor in first[1].get_state().items()})
    run([3, 4], *second)
    for (name, one), (_, other) in zip(uninterrupted[0].named_parameters(), second[0].named_parameters(), strict=True):
        assert torch.equal(one, other), name
