"""The decorator `stage`: one policy for caching, retries, locks and states around a build function.

Prefect is imported when a stage is first called, not with this file: shard workers, `plan` and a training machine that
has no Prefect read the stages' settings too.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from tasks.block import Block
from tasks.errors import explain_error, is_transient
from tasks.store import Artifact, Store
from tasks.store.incomplete import add_incomplete_note, describe_incomplete
from tasks.store.manifest import ArtifactRef, BuildSpec, Manifest, code_fingerprint
from tasks.store.rebuild_reason import explain_rebuild

log = logging.getLogger("textmill.stage")

S = TypeVar("S", bound=Block)
RETRY_DELAY_SECONDS = [2.0, 10.0, 60.0]
TASKS = Path(__file__).parent


class Stage(Generic[S]):
    """A build function that runs only when its artifact is missing, corrupt or incomplete.

    Calling it returns the artifact. `build` is the plain function, for tests. `section` is the path of the stage's
    settings in a recipe, so that messages name what the user can change.
    """

    def __init__(
        self, build: Callable[..., None], name: str, version: int, section: str, shares: tuple[str, ...], slot: str
    ) -> None:
        self.build, self.name, self.version, self.section, self.slot = build, name, version, section, slot
        own_folder = build.__module__.split(".")[1]  # of tasks.FOLDER.task
        self.code = tuple(TASKS / folder for folder in (own_folder, *shares))

    @cached_property
    def task(self) -> Any:
        """The Prefect task, made at the first call."""
        from prefect import task
        from prefect.cache_policies import NO_CACHE

        decorate = task(
            name=self.name,
            task_run_name=self.name,
            cache_policy=NO_CACHE,  # the store decides; Prefect only shows
            persist_result=False,
            retries=len(RETRY_DELAY_SECONDS),
            retry_delay_seconds=RETRY_DELAY_SECONDS,
            retry_jitter_factor=0.5,
            retry_condition_fn=is_retryable,
        )
        return decorate(self._get_or_build)

    def __call__(self, settings: S, *inputs: Artifact, force: bool = False) -> Artifact:
        """Return the artifact for these settings and inputs, from the store or built now. Raises StageFailure."""
        artifact: Artifact = self.task(settings, inputs, force, return_state=True).result()
        return artifact

    def build_spec(self, settings: S, *inputs: Artifact) -> BuildSpec:
        """Return everything that decides the artifact, and with it the artifact's key."""
        return self.build_spec_from(settings, tuple(artifact.ref for artifact in inputs))

    def build_spec_from(self, settings: S, inputs: tuple[ArtifactRef, ...]) -> BuildSpec:
        """Return everything that decides the artifact, given references to its inputs."""
        return BuildSpec(
            stage=self.name,
            version=self.version,
            settings=settings.model_dump(mode="json"),
            semantic=settings.semantic(),
            inputs=inputs,
            fingerprint=code_fingerprint(*self.code),
        )

    def _get_or_build(self, settings: S, inputs: tuple[Artifact, ...], force: bool) -> Any:
        """Return the artifact, where Prefect shows more than Completed in a state of that name: the task's body."""
        incomplete: tuple[str, ...] = ()
        try:
            store = Store.current()
            spec = self.build_spec(settings, *inputs)
            previous = store.manifest(self.name, spec.expected_key)
            cached = None if force or previous is None or previous.incomplete else store.validate(previous)
            if cached is None:
                # In this order: a run that waits while another builds the same artifact must not occupy a GPU
                # meanwhile.
                with store.lock(self.name, spec.expected_key), self.acquire_slot():
                    newest = store.manifest(self.name, spec.expected_key)
                    # another run may have built it while this one waited for the lock; if it is incomplete all the
                    # same, what it lacks was asked for a moment ago
                    is_reusable = newest is not None and (not newest.incomplete or newest != previous)
                    cached = store.validate(newest) if newest and is_reusable and not force else None
                    artifact = cached or self._build(store, spec, settings, inputs, newest, force=force)
                    built = newest if cached else store.manifest(self.name, artifact.key)
                    incomplete = built.incomplete if built else ()
            else:
                artifact = cached
        except Exception as error:
            explained = explain_error(self.name, error)
            if explained is error:
                raise
            raise explained from error
        publish_ui_artifact(artifact)
        if cached is None and not incomplete:
            return artifact
        from prefect.states import Completed

        name = f"{self.name} {artifact.key}"
        if incomplete:
            log.warning("%s: incomplete: %s; the next run asks again", name, describe_incomplete(incomplete))
            return Completed(name="Incomplete", message=f"{name}: {describe_incomplete(incomplete)}", data=artifact)
        log.info("%s: cached", name)
        return Completed(name="Cached", message=name, data=artifact)

    def _build(
        self,
        store: Store,
        spec: BuildSpec,
        settings: S,
        inputs: tuple[Artifact, ...],
        previous: Manifest | None,
        *,
        force: bool,
    ) -> Artifact:
        # a forced build begins anew; one that continues an artifact needs all of its files
        continued = store.validate(previous) if previous and previous.incomplete and not force else None
        if force:
            reason = "forced"
        elif continued and previous:
            reason = f"incomplete: {describe_incomplete(previous.incomplete)}; asks again"
        else:
            reason = explain_rebuild(spec, store.manifests(self.name), self.section)
        draft = store.draft(self.name, spec.expected_key, spec.inputs)
        draft.incomplete_artifact = continued.folder if continued else None
        resumed = f"; resumes, finished shards: {draft.num_finished}" if draft.num_finished else ""
        log.info("%s %s: building (%s)%s", self.name, spec.expected_key, reason, resumed)
        started = time.time()
        try:
            self.build(settings, draft, *inputs)
        except BaseException as error:
            # The notes reach the user through flows/cli/signals.py. A crawl has left its own note already; of other
            # stages the finished shards are what is kept.
            if not isinstance(error, Exception):  # Ctrl-C or another signal: say what is kept
                shards = f"finished shards kept: {draft.num_finished}" if draft.num_finished else "it will start over"
                error.__notes__ = [f"{self.name}: {note}" for note in getattr(error, "__notes__", [shards])]
            raise
        add_incomplete_note(draft)
        artifact = store.publish(spec, draft, started)
        log.info("%s %s: built in %.1f s", self.name, artifact.key, time.time() - started)
        return artifact

    def acquire_slot(self) -> AbstractContextManager[None]:
        """Hold a slot of a Prefect concurrency limit while building.

        For a stage with the slot "gpu" the environment variable `TEXTMILL_GPU_SLOT` names the limit. Without the
        variable nothing is held.
        """
        limit = os.environ.get(f"TEXTMILL_{self.slot.upper()}_SLOT") if self.slot else None
        if not limit:
            return nullcontext()
        from prefect.concurrency.sync import concurrency

        # The lease is renewed while the block runs. After a kill it ends by itself, so the slot is lost for 300 s at
        # most. strict: a limit that does not exist is an error, and not taken for one that is free.
        return concurrency(limit, occupy=1, lease_duration=300, strict=True)


def stage(
    name: str, version: int, *, section: str | None = None, shares: tuple[str, ...] = (), slot: str = ""
) -> Callable[[Callable[..., None]], Stage[Any]]:
    """Make `build(settings, draft, *inputs)` a stage.

    Increment `version` when the same settings and inputs should give other bytes. `shares` names the other
    folders of tasks/ whose code it uses, for the fingerprint. `slot` names what it occupies while it builds: see
    `Stage.acquire_slot`.
    """
    return lambda build: Stage(build, name, version, section or name, shares, slot)


def is_retryable(_task: Any, _run: Any, state: Any) -> bool:
    """Tell Prefect whether to retry: after network errors and lost workers, not after a bug or a full disk."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


def publish_ui_artifact(artifact: Artifact) -> None:
    """Publish the stage's summary (tables and charts) as an artifact in the Prefect UI."""
    # of an artifact on S3 only this file is fetched
    summary = artifact.folder_with("summary.md") / "summary.md"
    if summary.exists():
        from prefect.artifacts import create_markdown_artifact

        create_markdown_artifact(
            summary.read_text(), key=artifact.stage, description=f"{artifact.stage} {artifact.key}"
        )
