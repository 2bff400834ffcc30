"""`kill -9` in a prediction: the same command goes on, and gives the bytes of one that was not killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.inference.test_predicting import keep_with_record

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PROGRAM = """
import sys
from pathlib import Path
from tasks.inference import batch_prediction
from tasks.inference.input_rows import InputColumns
batch_prediction.SHARD_ROWS = 40
batch_prediction.predict_files(Path(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]), InputColumns())
"""


def start(model: Path, texts: Path, out: Path) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"TEXTMILL_WORKERS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(model), str(texts), str(out)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def test_a_killed_prediction_goes_on(masked: Path, tmp_path: Path) -> None:
    model = keep_with_record("tags", masked, tmp_path / "model")
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"the oak {number} of many ships and trees\n" for number in range(4000)))
    once, twice = tmp_path / "once.parquet", tmp_path / "twice.parquet"
    assert start(model, texts, once).wait() == 0
    killed = start(model, texts, twice)
    while len(list(tmp_path.glob(".twice.parquet.*/predictions/*.parquet"))) < 5:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not twice.exists()
    (draft,) = tmp_path.glob(".twice.parquet.*")
    finished = {path.name: path.stat().st_mtime_ns for path in (draft / "predictions").glob("*.parquet")}
    assert 5 <= len(finished) < 100
    assert start(model, texts, twice).wait() == 0
    assert twice.read_bytes() == once.read_bytes()
    assert not draft.exists()
