"""The records of runs and best models, and which small files of a store are corrupt."""

from functools import lru_cache
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from tasks.runtime.progress import log
from tasks.store.backends import Backend
from tasks.store.checksum import parse_record
from tasks.store.garbage import KEY
from tasks.store.manifest import BestModel, Manifest, RunRecord

Record = TypeVar("Record", bound=BaseModel)
MODELS: dict[str, type[BaseModel]] = {"runs": RunRecord, "best": BestModel}
ADVICE = {
    "runs": "It is skipped. A run of its recipe records it again, and textmill gc removes it",
    "best": "The next evaluated model becomes the best one without a comparison. textmill gc removes it",
    "manifest": "The artifact does not count as built: a run of its recipe builds it again",
}
"""Kind of file → what becomes of a corrupt one"""


class UnreadableFile(NamedTuple):
    """A small file of a store that is corrupt; `kind` is one of ADVICE."""

    name: str
    kind: str


def read_records(backend: Backend, names: list[str], model: type[Record]) -> list[Record]:
    """Read records in the order of their names; a corrupt one is skipped with a warning."""
    records = []
    for name, data in zip(names, backend.read_all(names), strict=True):
        if data is None:
            continue
        try:
            records.append(parse_record(model, data))
        except ValueError:
            warn_unreadable(f"{backend.address}/{name}", "it is skipped")
    return records


@lru_cache
def warn_unreadable(path: str, consequence: str) -> None:
    """Warn of a corrupt file, once in a process: a command may read it several times."""
    log.warning("%s is corrupt: %s (see textmill verify)", path, consequence)


def find_unreadable_files(backend: Backend) -> list[UnreadableFile]:
    """Find the manifests and records that are corrupt."""
    files: list[UnreadableFile] = []
    for kind, model in MODELS.items():
        names = backend.records(kind)
        for name, data in zip(names, backend.read_all(names), strict=True):
            try:
                if data is not None:
                    parse_record(model, data)
            except ValueError:
                files.append(UnreadableFile(name, kind))
    # a file of the same name in somebody else's folder is none of ours
    names = [name for name in backend.manifests() if KEY.fullmatch(name.split("/")[1])]
    manifests = zip(names, backend.read_all(names), strict=True)
    files += [
        UnreadableFile(name, "manifest") for name, data in manifests if data is not None and Manifest.read(data) is None
    ]
    return files
