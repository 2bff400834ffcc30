import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os
from tasks.runtime.standard_input import detach_standard_input
original = detach_standard_input()
try:
    answer = input("Run this code? [y/N] ")
except (EOFError, RuntimeError):  # RuntimeError: Python itself found no standard input
    answer = "nobody"
print(answer, os.read(original, 100).decode().strip())
"""


@pytest.mark.slow
def test_a_library_that_asks_gets_no_answer_and_what_was_written_is_ours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, input="y\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("nobody y\n")


@pytest.mark.slow
def test_a_closed_standard_input_is_no_error() -> None:
    shell = ["bash", "-c", f"exec {sys.executable} -c '{PROGRAM}' <&-"]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("nobody \n"), done.stderr
