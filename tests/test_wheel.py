"""A wheel contains all that the installed command needs."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks")
IS_COMPILED = shutil.ignore_patterns("__pycache__", "*.pyc")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel's unpacked files."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=IS_COMPILED)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("textmill-*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder)
    return folder


def test_all_files_of_the_packages_are_in_the_wheel(installed: Path) -> None:
    def list_files(folder: Path) -> set[str]:
        paths = (path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)) for path in paths if "__pycache__" not in path.parts}

    assert list_files(installed) == list_files(ROOT)


def test_the_demo_of_a_wheel_has_its_recipe(installed: Path, tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "import flows\n"
        "from flows.cli.commands.demo import write_demo_recipe\n"
        "from flows.recipe import load_recipe\n"
        "file = write_demo_recipe(Path('demo.yaml'), 'http://127.0.0.1:8420/')\n"
        "print(flows.__file__, load_recipe(file).crawl.source.chosen.seeds)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed), "TEXTMILL_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-c", script]
    output = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert output.startswith(str(installed))
    assert "http://127.0.0.1:8420/" in output
