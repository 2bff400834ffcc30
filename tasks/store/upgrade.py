"""Upgrades a store of format 1: renames recorded settings, and moves artifacts to the keys that follow from the names.

The files of artifacts stay as they are; only manifests, records of runs and best models are written again. Each step
leaves the store in a state from which the upgrade can start again:

1. the format marker says that an upgrade is unfinished, so that both the old code and the new one refuse the store
2. records of runs and best models, whose renaming can be repeated without harm
3. artifacts, those that others were made from last, so that the new keys of inputs can be computed until all that
   refers to them is written; each is complete under its old key or under its new one at any time
4. the format marker says the new format
"""

import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack

from tasks.errors import StageFailure
from tasks.store.local import FORMAT_MARKER, LocalBackend, replace_folder
from tasks.store.manifest import MANIFEST_NAME, Manifest
from tasks.store.s3 import S3Backend
from tasks.store.s3_lock import LEASE_NAME
from tasks.store.s3_upload import object_name
from tasks.store.store_format import make_format_marker
from tasks.store.upgrade_plan import DEMO_RECIPE, Move, NameTranslation, UpgradePlan, make_upgrade_plan

LOCK = ("upgrade", "store")


class StoreUpgrade:
    """Upgrades one store, on either backend."""

    def __init__(self, backend: LocalBackend | S3Backend, vocabulary: NameTranslation) -> None:
        self.backend, self.vocabulary = backend, vocabulary

    def run(self, *, dry_run: bool) -> Generator[str, None, bool]:
        """Upgrade the store and yield a line for each change, once it is made; with `dry_run` change nothing.

        Returns whether there was anything to do.

        Raises StageFailure when the store is of a newer format, or was written to meanwhile.
        """
        plan = make_upgrade_plan(self.backend, self.vocabulary)
        yield from plan.kept_as_is
        if plan.is_empty:
            yield f"nothing to do: the store {self.backend.address} has the names of this version"
        elif dry_run:
            yield from plan.describe()
            yield f"would upgrade {plan.count()}; nothing was changed"
        else:
            with self.backend.lock(*LOCK):
                # again: another upgrade may have ended while this one waited for the lock
                plan = make_upgrade_plan(self.backend, self.vocabulary)
                yield from self._apply(plan)
                self._remove_lease(*LOCK)
            yield f"upgraded {plan.count()}"
        return not plan.is_empty

    def _apply(self, plan: UpgradePlan) -> Iterator[str]:
        self.backend.write(FORMAT_MARKER, make_format_marker(unfinished_upgrade=True))
        for name, data in plan.records.items():
            kind, _, slug = name.removesuffix(".json").partition("/")
            with ExitStack() as locks:
                if kind == "best":  # the gate of a run writes it too
                    locks.enter_context(self.backend.lock(kind, slug))
                self.backend.write(name, data)
            yield f"{name}: renamed settings and keys"
        if plan.demo_recipe is not None:
            LocalBackend(self.backend.root).write(DEMO_RECIPE, plan.demo_recipe)
            yield f"{DEMO_RECIPE}: renamed settings"
        for move in plan.moves.values():
            with ExitStack() as locks:
                # in one order everywhere, or two processes could wait for each other
                for key in sorted({move.old_key, move.manifest.key}):
                    locks.enter_context(self.backend.lock(move.manifest.stage, key))
                yield self._move(move)
        self.backend.write(FORMAT_MARKER, make_format_marker())

    def _move(self, move: Move) -> str:
        """Move one artifact. The caller must hold the locks of both keys."""
        stage, old_key, manifest = move.manifest.stage, move.old_key, move.manifest
        if self.backend.read(f"{stage}/{old_key}/{MANIFEST_NAME}") != move.old_data:
            raise StageFailure(
                f"{stage} {old_key} was built again while the store was upgraded",
                "End the other runs, then start textmill upgrade again: it continues",
            )
        if not move.is_moved:
            self.backend.write(f"{stage}/{old_key}/{MANIFEST_NAME}", manifest.as_json)
            return str(move)
        target = Manifest.read(self.backend.read(f"{stage}/{manifest.key}/{MANIFEST_NAME}"))
        if target is not None and target.files != manifest.files:
            return f"left as it is: {stage} {old_key}, since {stage} {manifest.key} exists with other files"
        if isinstance(self.backend, S3Backend):
            self._move_objects(self.backend, old_key, manifest, is_there=target is not None)
            _move_folder(self.backend.cache, old_key, manifest, is_there=False)
        else:
            _move_folder(self.backend, old_key, manifest, is_there=target is not None)
        return str(move)

    def _move_objects(self, backend: S3Backend, old_key: str, manifest: Manifest, *, is_there: bool) -> None:
        """Copy an artifact's objects to the new key and publish its manifest there; then remove the old ones.

        Killed before the new manifest is written, the artifact is complete under the old key; after it, under the new
        one. The old manifest is removed last, so that a second start finds what remains to be removed.
        """
        old, new = f"{manifest.stage}/{old_key}/", f"{manifest.stage}/{manifest.key}/"
        listed, copied = backend.objects.list_objects(old), backend.objects.list_objects(new)
        names = [object_name(file) for file in manifest.files]
        if not is_there:
            for name in names:
                source, target = listed.get(old + name), copied.get(new + name)
                if source and (target is None or target.size != source.size):
                    backend.objects.copy(old + name, new + name)
            # with this write the artifact counts under its new key; what follows only clears up
            backend.objects.create(new + MANIFEST_NAME, manifest.as_json)
        backend.objects.remove([old + name for name in names if old + name in listed])
        backend.objects.remove([old + MANIFEST_NAME])
        # whatever else is there belongs to a draft, which keeps its lock
        if not backend.objects.list_objects(old).keys() - {old + LEASE_NAME}:
            self._remove_lease(manifest.stage, old_key)

    def _remove_lease(self, stage: str, key: str) -> None:
        """Remove the lock's object, which has nothing left to guard. In a folder locks are small files that stay."""
        if isinstance(self.backend, S3Backend):
            self.backend.objects.remove([f"{stage}/{key}/{LEASE_NAME}"])


def _move_folder(backend: LocalBackend, old_key: str, manifest: Manifest, *, is_there: bool) -> None:
    """Write the new manifest into the artifact's folder, then rename the folder; each is one atomic step."""
    old, new = backend.path(manifest.stage, old_key), backend.path(manifest.stage, manifest.key)
    if is_there:  # an interrupted copy of the same files by other means
        shutil.rmtree(old)
    elif old.exists():  # a cache may not hold it
        backend.write(f"{manifest.stage}/{old_key}/{MANIFEST_NAME}", manifest.as_json)
        replace_folder(old, new)
