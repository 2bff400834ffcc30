"""Code fingerprints and files' rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from tasks.store.manifest import code_fingerprint, hash_code_file, num_rows


def folder(parent: Path, name: str, code: str) -> Path:
    made = parent / name / "code"
    made.mkdir(parents=True)
    (made / "a.py").write_text(code)
    return made


def test_fingerprint_sees_syntax_only(tmp_path: Path) -> None:
    base = code_fingerprint(folder(tmp_path, "1", "def f(x):\n    '''Say.'''\n    return x + 1\n"))
    comment = code_fingerprint(folder(tmp_path, "2", "# why\ndef f(x):\n    '''Say more.'''\n    return (x + 1)\n"))
    other = code_fingerprint(folder(tmp_path, "3", "def f(x):\n    return x + 2\n"))
    assert base == comment != other


def test_fingerprint_sees_the_files_that_are_shipped_with_the_code(tmp_path: Path) -> None:
    code = folder(tmp_path, "1", "x = 1\n")

    def compute() -> str:
        code_fingerprint.cache_clear()
        hash_code_file.cache_clear()
        return code_fingerprint(code)

    fingerprints = [compute()]
    for change in ("<p>", "<b>"):
        (code / "templates").mkdir(exist_ok=True)
        (code / "templates" / "page.html").write_text(change)
        fingerprints.append(compute())
    assert len(set(fingerprints)) == 3
    for name in ("__pycache__/a.cpython-311.pyc", "__pycache__/kernel.nbi", ".a.py.swp", "a.py~"):
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_bytes(b"compiled")
    assert compute() == fingerprints[-1]


def test_rows_come_from_the_files_themselves(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(7))})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pyarrow.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    (tmp_path / "a.txt").write_text("x")
    assert [num_rows(tmp_path / f"a.{kind}") for kind in ("parquet", "arrow", "txt")] == [7, 7, None]
