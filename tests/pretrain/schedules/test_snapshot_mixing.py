from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.errors import StageFailure
from tasks.pretrain.data.rows import Rows
from tasks.pretrain.schedules.snapshot_mixing import PERIOD, Snapshots, assign_samples, compute_quotas
from tasks.pretrain.training.training_data import TrainingData
from tests.pretrain.conftest import small, write_shard

FOLDERS = [Path("old"), Path("middle"), Path("new")]


def test_snapshots_are_grouped_as_the_settings_say() -> None:
    assert Snapshots().group_folders(FOLDERS) == [(FOLDERS, 1.0)]
    assert Snapshots(weights=(1, 0, 3)).group_folders(FOLDERS) == [([FOLDERS[0]], 0.25), ([FOLDERS[2]], 0.75)]
    assert Snapshots(replay_fraction=0.3).group_folders(FOLDERS) == [(FOLDERS[:2], 0.3), ([FOLDERS[2]], 0.7)]
    assert Snapshots(replay_fraction=0).group_folders(FOLDERS) == [([FOLDERS[2]], 1)]
    assert Snapshots(replay_fraction=0.3).group_folders(FOLDERS[:1]) == [(FOLDERS[:1], 1.0)], (
        "the first snapshot has nothing to replay"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": [1, 2], "replay_fraction": 0.5}, "weights or replay_fraction"),
        ({"weights": [1, -1]}, "must not be negative"),
        ({"weights": [0, 0]}, "one of them must be more than 0"),
    ],
)
def test_senseless_shares_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Snapshots.model_validate(settings)


def test_a_weight_for_each_snapshot_is_demanded() -> None:
    with pytest.raises(StageFailure, match="has 2 numbers, and there are 3 snapshots"):
        Snapshots(weights=(1, 2)).group_folders(FOLDERS)


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], [0.9999, 0.0001], [0.7, 0.2, 0.1]])
def test_quotas_fill_a_period_and_are_the_shares(shares: list[float]) -> None:
    quotas = compute_quotas(shares)
    assert quotas.sum() == PERIOD
    assert quotas.min() >= 1
    assert np.abs(quotas - np.array(shares) * PERIOD).max() <= 1


def test_every_place_of_every_corpus_is_met_once_in_its_share() -> None:
    quotas = compute_quotas([0.7, 0.3])
    sources, positions = assign_samples(np.arange(3 * PERIOD), quotas, seed=0)
    for source in (0, 1):
        assert sorted(positions[sources == source].tolist()) == list(range(3 * int(quotas[source])))
    # any stretch holds about the shares: the mean of 256 draws is within 4 sigma
    stretches = (sources == 1).reshape(-1, 256).mean(1)
    assert np.abs(stretches - 0.3).max() < 4 * (0.3 * 0.7 / 256) ** 0.5
    part = assign_samples(np.array([PERIOD + 5, 2]), quotas, seed=0)
    assert (part[0].tolist(), part[1].tolist()) == (
        sources[[PERIOD + 5, 2]].tolist(),
        positions[[PERIOD + 5, 2]].tolist(),
    )


@pytest.fixture
def folders(tokens: Path, tmp_path: Path) -> list[Path]:
    """Three snapshots of 20, 10 and 30 rows of 32 tokens: row n of snapshot s holds 31 tokens 100 s + n."""
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for snapshot, (folder, rows) in enumerate(zip(folders, (20, 10, 30), strict=True), 1):
        write_shard(folder / "train" / "0.arrow", [[100 * snapshot + row] * 31 for row in range(rows)])
        (folder / "tokenizer").symlink_to(tokens / "tokenizer")
    return folders


def texts(rows: Rows) -> list[int]:
    return rows.tokens[:, 1].tolist()


def test_a_run_reads_its_snapshots_in_their_shares_and_no_row_twice_in_an_epoch(folders: list[Path]) -> None:
    data = TrainingData(small(snapshots={"replay_fraction": 0.25}), folders)
    # in each period a quarter of the samples is of the 30 old rows, the others of the 30 new ones
    row_texts = texts(data.load_rows(np.arange(4 * PERIOD)))
    counts = Counter(row_texts)
    old = [counts[text] for text in counts if text < 300]
    new = [counts[text] for text in counts if text >= 300]
    assert (len(old), len(new)) == (30, 30)
    assert sum(old) == PERIOD
    assert max(old) - min(old) <= 1
    assert max(new) - min(new) <= 1
    assert data.num_epochs(4 * PERIOD) == pytest.approx(3 * PERIOD / 30)


def test_rows_do_not_depend_on_how_they_are_asked_for(folders: list[Path]) -> None:
    data = TrainingData(small(snapshots={"weights": [3, 2, 1]}), folders)
    all_rows = data.load_rows(np.arange(64))
    for part in (np.arange(40, 64), np.array([63, 1, 17])):
        part_rows = data.load_rows(part)
        assert np.array_equal(part_rows.tokens, all_rows.tokens[part])
        assert np.array_equal(part_rows.documents, all_rows.documents[part])
        assert np.array_equal(part_rows.positions, all_rows.positions[part])


def test_a_snapshot_without_rows_cannot_be_weighted(folders: list[Path], tokens: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(StageFailure, match="some of a snapshot that has none"):
        TrainingData(small(snapshots={"replay_fraction": 0.5}), [*folders, empty])


def test_fewer_validation_documents_than_ranks_and_uneven_batches_are_refused(folders: list[Path]) -> None:
    with pytest.raises(StageFailure, match="4 rows do not split over 3 ranks with 1 micro-batches"):
        TrainingData(small(), folders, world_size=3)
    with pytest.raises(StageFailure, match="hold no validation documents"):
        TrainingData(small(patience=1), folders, world_size=2)
