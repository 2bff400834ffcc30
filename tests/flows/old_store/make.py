"""Make the store that test_store_upgrade.py upgrades, with the code of commit a4c71e3.

    git worktree add /tmp/old a4c71e3
    PYTHONPATH=/tmp/old python tests/flows/old_store/make.py

Two snapshots of a growing corpus, through all stages. `store.tar.xz` beside this file then holds the crawled site and
the store's JSON files; the test makes the artifacts' other files, of which `plan` looks at the sizes alone.
"""

import os
import shutil
import socket
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LATER = ("threading", "statistics")


def main() -> None:
    os.environ["TEXTMILL_STORE"] = "store"
    socket.gethostname = lambda: "example"  # which manifests record
    from flows.chain import Choice
    from flows.live import run_pipeline
    from flows.recipe import recipe_of
    from tests.flows import tiny

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        site, later = Path("site"), Path("later")
        tiny.build(site)
        later.mkdir()
        for section in LATER:
            shutil.move(site / section, later / section)
        run_pipeline(recipe_of(HERE / "recipe.yaml", ["crawl.snapshot=monday"]), Choice())
        shutil.copytree(later, site, dirs_exist_ok=True)
        run_pipeline(recipe_of(HERE / "recipe.yaml", ["crawl.snapshot=tuesday"]), Choice())
        with tarfile.open(HERE / "store.tar.xz", "w:xz") as archive:
            for path in (site, *sorted(Path("store").rglob("*.json"))):
                if path == site or path.parts[1] in ("store.json", "runs", "best") or path.name == "manifest.json":
                    archive.add(path, filter=without_owner)


def without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(uid=0, gid=0, uname="", gname="", mtime=0, deep=False)


if __name__ == "__main__":
    main()
