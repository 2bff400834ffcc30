"""Finds and removes garbage on S3: artifacts, objects that no manifest names, and half uploads."""

from collections.abc import Collection, Iterator

from tasks.store.damage import mark_name
from tasks.store.garbage import KEY, GarbageCandidate
from tasks.store.manifest import MANIFEST_NAME, Manifest
from tasks.store.s3_client import S3Client
from tasks.store.s3_lock import LEASE_NAME
from tasks.store.s3_upload import map_files_by_object


def find_remote_garbage(
    objects: S3Client, manifests: Collection[str], keep: Collection[tuple[str, str]], *, drafts: bool
) -> Iterator[GarbageCandidate]:
    """Yield all objects but those of the artifacts to keep; `manifests` names what exists or is being built."""
    for name in manifests:
        stage, key, _ = name.split("/")
        listed = objects.list_objects(f"{stage}/{key}/")
        names = find_unneeded_objects(objects, stage, key, listed, is_kept=(stage, key) in keep, drafts=drafts)
        if names:
            # no manifest: a draft of a run that is under way, or was interrupted
            version = listed[name].etag if name in listed else ""
            num_bytes = sum(listed[name_of_object].size for name_of_object in names)
            address = f"{objects.address}/{stage}/{key}"
            yield GarbageCandidate(address, num_bytes, stage, key, tuple(names), version, name in names)
    for upload in objects.list_old_uploads():
        stage, key, *_ = [*upload.name.split("/"), "", ""]
        if KEY.fullmatch(key):
            address = f"{objects.address}/{upload.name} (an upload that was not finished)"
            yield GarbageCandidate(
                address, upload.size, stage, key, (upload.name,), is_artifact=False, upload_id=upload.upload_id
            )


def find_unneeded_objects(
    objects: S3Client, stage: str, key: str, names: Collection[str], *, is_kept: bool, drafts: bool
) -> list[str]:
    """List the objects to remove: of a kept artifact those that its manifest does not name, else all or none."""
    name, lease = f"{stage}/{key}/{MANIFEST_NAME}", f"{stage}/{key}/{LEASE_NAME}"
    if not KEY.fullmatch(key) or lease not in names:  # whatever Textmill built here was locked once
        return []
    removable_names = [object_path for object_path in names if object_path != lease]
    if name not in names:
        return removable_names if drafts else []
    if not is_kept:
        return removable_names
    manifest = Manifest.read(objects.read(name))
    needed_names = {name, *map_files_by_object(manifest)} if manifest else set(removable_names)
    needed_names.add(mark_name(stage, key))
    draft_prefix = f"{stage}/{key}/."  # of a draft, from which an interrupted run can continue
    return [
        object_path
        for object_path in removable_names
        if object_path not in needed_names and (drafts or not object_path.startswith(draft_prefix))
    ]


def remove_objects(objects: S3Client, candidate: GarbageCandidate) -> bool:
    """Remove a candidate unless it was published since it was found. The caller must hold the lock of the key."""
    if candidate.upload_id:
        objects.abort_upload(candidate.names[0], candidate.upload_id)
        return True
    name, lease = (
        f"{candidate.stage}/{candidate.key}/{MANIFEST_NAME}",
        f"{candidate.stage}/{candidate.key}/{LEASE_NAME}",
    )
    # asked again under the lock: since it was listed, another run may have published here
    manifest_info = objects.head(name)
    if (manifest_info.etag if manifest_info else "") != candidate.version:
        return False
    # the manifest first: an artifact that is half removed must not count as complete
    objects.remove([object_path for object_path in candidate.names if object_path == name])
    objects.remove([object_path for object_path in candidate.names if object_path != name])
    if name in candidate.names or not manifest_info:  # nothing remains that the lease guards
        objects.remove([lease])
    return True
