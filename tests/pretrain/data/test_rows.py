from pathlib import Path

import datasets
import numpy as np
import pytest

from tasks.errors import StageFailure
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.rows import PackedDataset, Rows, TokenColumn
from tests.pretrain.conftest import write_shard

WORDS = Vocabulary(size=500, pad=0, start=2, end=3, mask=4)


def unpack(packed: PackedDataset, rows: Rows) -> list[list[int]]:
    """The documents, put together again from the rows' tokens."""
    pieces: dict[int, dict[int, list[int]]] = {}
    for row in range(len(packed)):
        first = packed.plan.row_starts[row]
        for number in range(packed.plan.row_starts[row + 1] - first):
            in_piece = rows.documents[row] == number
            tokens = rows.tokens[row][in_piece].tolist()
            assert rows.positions[row][in_piece].tolist() == list(range(len(tokens)))
            if packed.start is not None:
                assert tokens.pop(0) == packed.start
            begin = int(packed.plan.start[first + number])
            pieces.setdefault(int(packed.plan.document[first + number]), {})[begin] = tokens
    return [[token for begin in sorted(found) for token in found[begin]] for _, found in sorted(pieces.items())]


@pytest.mark.parametrize("start", [None, 2])
def test_unpacking_gives_what_was_packed(tokens: Path, start: int | None) -> None:
    packed = PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, start)
    rows = packed.read_rows(np.arange(len(packed)))
    files = [str(path) for path in sorted((tokens / "train").glob("*.arrow"))]
    dataset = datasets.load_dataset("arrow", data_files=files, split="train", cache_dir=str(tokens / ".cache"))
    assert unpack(packed, rows) == [list(ids) for ids in dataset["input_ids"]]
    padding = rows.documents < 0
    assert (rows.tokens[padding] == 0).all()
    assert padding.mean() < 0.03


def test_each_epoch_has_every_row_once(tokens: Path) -> None:
    packed = PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, None)
    number = len(packed)
    whole = packed.read_rows(np.arange(number)).tokens
    for epoch in (0, 1):
        rows = packed.read_samples(np.arange(epoch * number, (epoch + 1) * number), seed=1).tokens
        assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, whole.tolist()))
    across = packed.read_samples(np.arange(number - 2, number + 2), seed=1).tokens
    assert np.array_equal(across[2:], packed.read_samples(np.arange(number, number + 2), seed=1).tokens)


def test_empty_folders_and_documents_are_no_trouble(tmp_path: Path) -> None:
    assert len(PackedDataset([tmp_path], WORDS, 32, None)) == 0
    write_shard(tmp_path / "00000.arrow", [[], [5, 3], []])
    assert PackedDataset([tmp_path], WORDS, 8, None).read_rows(np.array([0])).tokens.tolist() == [
        [5, 3, 0, 0, 0, 0, 0, 0]
    ]


def test_tokens_are_read_where_they_lie(tmp_path: Path) -> None:
    write_shard(tmp_path / "00000.arrow", [[5, 6, 3], [7, 3]], batch=1)
    shards = TokenColumn([tmp_path], WORDS)
    assert shards.read_slice(1, 0, 2).tolist() == [7, 3]
    assert shards.read_slice(0, 1, 2).tolist() == [6, 3]
    assert not shards.read_slice(0, 1, 2).flags.owndata


def test_a_tokenizer_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "00000.arrow", [[5, 600, 3]])
    with pytest.raises(StageFailure, match="holds token 600, and the tokenizer has only 500"):
        TokenColumn([tmp_path], WORDS)


def test_a_file_that_is_no_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "00000.arrow").write_bytes(b"no arrow")
    with pytest.raises(StageFailure, match=r"00000\.arrow is no shard of tokens"):
        TokenColumn([tmp_path], WORDS)


def test_snapshots_are_read_as_one_corpus(tmp_path: Path) -> None:
    for name, documents in {"first": [[5, 3]], "second": [[4], [6, 7, 8]]}.items():
        (tmp_path / name).mkdir()
        write_shard(tmp_path / name / "00000.arrow", documents)
    packed = PackedDataset([tmp_path / "first", tmp_path / "second"], WORDS, 8, None)
    assert packed.num_tokens == 6
    found = unpack(packed, packed.read_rows(np.arange(len(packed))))
    assert sorted(found) == [[4], [5, 3], [6, 7, 8]]


def test_sentences_are_marked_where_they_begin_in_each_piece(tmp_path: Path) -> None:
    write_shard(tmp_path / "00000.arrow", [[5, 6, 7, 8, 9, 5, 6, 7, 8, 9], [7, 7]], sentences=[[0, 2, 7], [0]])
    packed = PackedDataset([tmp_path], WORDS, 8, start=2, sentences=True)
    rows = packed.read_rows(np.arange(len(packed)))
    assert rows.sentences is not None
    marked = [np.flatnonzero(row).tolist() for row in rows.sentences]
    # behind the start token; the second piece begins with the rest of a sentence
    assert marked == [[1, 3], [1, 5]]
    assert rows.tokens[1].tolist() == [2, 7, 8, 9, 2, 7, 7, 0]
    assert PackedDataset([tmp_path], WORDS, 8, start=2).read_rows(np.arange(1)).sentences is None
