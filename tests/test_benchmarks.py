"""Every benchmark still runs from its command line to its last line: each makes a tiny input of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text())

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_on_its_smoke_input(name: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEXTMILL_")}

    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--smoke"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["benchmark"] == name
    assert result["ratios"] | result["figures"]
