"""A log on a full disk: /dev/full takes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.output_streams import open_tolerantly

ROOT = Path(__file__).parents[3]
PROGRAM = """
import logging, sys
from flows import __main__ as command
from flows.cli import command_line

def work(argv):
    for number in range(1000):
        logging.getLogger("textmill").warning("line %s", number)
        print("line", number, flush=True)
    return 0

logging.basicConfig()
command_line.run_command_line = work
sys.argv = ["textmill", sys.argv[1]]
command.main()
"""


def run_on_full_disk(command: str, output: str, error: str) -> subprocess.CompletedProcess[str]:
    shell = f"exec {sys.executable} -c '{PROGRAM}' {command} >{output} 2>{error}"
    return subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("output", "error"), [("/dev/full", "/dev/full"), ("/dev/full", "/dev/stderr")])
def test_a_run_whose_log_cannot_be_written_ends_well(output: str, error: str) -> None:
    done = run_on_full_disk("run", output, error)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr


@pytest.mark.slow
def test_a_command_whose_output_is_all_that_it_does_says_that_it_is_lost() -> None:
    done = run_on_full_disk("ls", "/dev/full", "/dev/stderr")
    assert done.returncode == 1
    assert done.stderr.endswith("textmill: standard output cannot be written: No space left on device\n")


def test_other_errors_of_an_output_are_raised(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as stream:
        text, file = open_tolerantly(stream)
        text.write("héllo\n")
        text.flush()
        assert (tmp_path / "out").read_bytes() == "héllo\n".encode()
        file.close()
    with pytest.raises(ValueError, match="closed"):
        file.write(b"x")
