import threading
from pathlib import Path

import pytest
import torch

from tasks.model import checkpoint
from tasks.model.checkpoint import STATE, TENSORS, Checkpoints
from tasks.store.checksum import remove_checksum


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((3, 2), value), "step": torch.tensor(value)}


def test_a_saved_checkpoint_loads_again(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path)
    assert saved.load_latest() is None
    saved.save(7, tensors(1.5), {"best": 0.25})
    loaded, state = Checkpoints(tmp_path).load_latest() or pytest.fail("nothing was saved")
    assert torch.equal(loaded["weight"], torch.full((3, 2), 1.5))
    assert loaded["step"].item() == 1.5
    assert (state["step"], state["best"]) == (7, 0.25)


def test_the_last_ones_and_the_best_are_kept(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path, keep=2)
    for step in range(1, 6):
        saved.save(step, tensors(step), {}, kept_steps={2})
    assert saved.list_steps() == [2, 4, 5]


@pytest.mark.parametrize("harm", ["cut", "flipped", "no state", "empty state"])
def test_a_damaged_checkpoint_is_never_loaded(tmp_path: Path, harm: str) -> None:
    saved = Checkpoints(tmp_path)
    saved.save(1, tensors(1), {})
    newest = saved.save(2, tensors(2), {})
    content = (newest / TENSORS).read_bytes()
    if harm == "cut":
        (newest / TENSORS).write_bytes(content[:-3])
    elif harm == "flipped":
        (newest / TENSORS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "no state":
        (newest / STATE).unlink()
    else:
        (newest / STATE).write_text("")
    _, state = saved.load_latest() or pytest.fail("the whole one was not found")
    assert state["step"] == 1


def test_no_flip_in_the_state_is_loaded(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path)
    saved.save(1, tensors(1), {})
    path = saved.save(2, tensors(2), {"best": 0.125, "order": [3, 1, 2]}) / STATE
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        _, state = saved.load_latest() or pytest.fail("the whole one was not found")
        assert state["step"] == 1 or (state["step"], state["best"], state["order"]) == (2, 0.125, [3, 1, 2])


def test_a_state_of_an_earlier_version_is_loaded(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path)
    path = saved.save(2, tensors(2), {"best": 0.125}) / STATE
    path.write_bytes(remove_checksum(path.read_bytes(), ()) + b"\n")
    assert (saved.load(2) or pytest.fail("it was not loaded"))[1]["best"] == 0.125


def test_a_full_disk_loses_no_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Checkpoints(tmp_path, keep=1)
    saved.save(1, tensors(1), {})

    def fail(given: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        saved.save(2, tensors(2), {})
    assert saved.list_steps() == [1]
    monkeypatch.undo()
    saved.save(3, tensors(3), {})
    assert [path.name for path in tmp_path.iterdir()] == ["000000003"]


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [Checkpoints(tmp_path / name).save(1, tensors(1), {"a": 1}) for name in ("one", "two")]
    for name in (TENSORS, STATE):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_background_save_writes_the_tensors_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, trained, may_go = Checkpoints(tmp_path), tensors(1), threading.Event()
    slow = checkpoint.save_file

    def waiting(copies: dict[str, torch.Tensor], path: Path) -> None:
        assert may_go.wait(10)
        slow(copies, path)

    monkeypatch.setattr(checkpoint, "save_file", waiting)
    saved.start_save(1, trained, {})
    trained["weight"].fill_(9)  # training goes on meanwhile
    assert saved.list_steps() == []
    may_go.set()
    saved.wait()
    loaded, _ = saved.load_latest() or pytest.fail("nothing was saved")
    assert torch.equal(loaded["weight"], torch.ones(3, 2))


def test_an_error_in_the_background_is_raised_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = Checkpoints(tmp_path)
    saved.start_save(1, tensors(1), {})
    saved.wait()

    def full(given: object, path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    saved.start_save(2, tensors(2), {})
    with pytest.raises(OSError, match="No space left"):
        saved.start_save(3, tensors(3), {})
    saved.wait()
    assert saved.list_steps() == [1]


def test_drop_after_drops_later_checkpoints(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path, keep=3)
    for step in (1, 2, 3):
        saved.save(step, tensors(step), {})
    saved.drop_after(1)
    assert saved.list_steps() == [1]
