"""Formats what a run built, for a terminal."""

from datetime import datetime

from flows.promotion import describe_gate_result
from flows.text_table import format_table
from tasks.store import Artifact, Store
from tasks.store.incomplete import list_incomplete

INCOMPLETE_EXIT_CODE = 3


def finish_run(artifacts: list[Artifact], started: float) -> int:
    """Print what a run built and what is missing in it; return the exit code."""
    print(format_run_summary(artifacts, started))
    store = Store.current()
    manifests = [store.manifest(artifact.stage, artifact.key) for artifact in artifacts]
    incomplete = list_incomplete(manifest for manifest in manifests if manifest)
    if not incomplete:
        return 0
    print("\n".join(["", *incomplete, "The next run with the same settings asks again for what is missing."]))
    return INCOMPLETE_EXIT_CODE


def format_run_summary(artifacts: list[Artifact], started: float) -> str:
    """Return a table of the stages, cached or built since `started` (seconds since the epoch), report and scores."""
    store = Store.current()
    rows = [("STAGE", "KEY", "STATE", "SECONDS")]
    for artifact in artifacts:
        manifest = store.manifest(artifact.stage, artifact.key)
        if manifest is not None and datetime.fromisoformat(manifest.finished).timestamp() >= started:
            state = "incomplete" if manifest.incomplete else "built"
            rows.append((artifact.stage, artifact.key, state, f"{manifest.seconds:.1f}"))
        else:
            rows.append((artifact.stage, artifact.key, "cached", ""))
    last = artifacts[-1]
    return "\n".join(
        [
            format_table(rows),
            *format_remarks(artifacts, store),
            *(f"model: {artifact.path}" for artifact in artifacts if artifact.stage == "finetune"),
            *(format_evaluation(last) if last.stage == "evaluate" else []),
        ]
    )


def format_remarks(artifacts: list[Artifact], store: Store) -> list[str]:
    """Return a line for each thing that stages left out unasked: files of kinds that nobody reads, odd rows."""
    manifests = [store.manifest(artifact.stage, artifact.key) for artifact in artifacts]
    return [
        f"note: {manifest.stage}: {name}: {remark}"
        for manifest in manifests
        if manifest is not None
        for name, remark in manifest.counts.get("remarks", {}).items()
    ]


def format_evaluation(artifact: Artifact) -> list[str]:
    """Return the path of the report, the gate's line, and the scores."""
    gate_line = describe_gate_result(Store.current(), artifact.key)
    summary = (artifact.folder_with("summary.md") / "summary.md").read_text(encoding="utf-8")
    report = artifact.folder_with("report.html") / "report.html"
    return [f"report: {report}", *([gate_line] if gate_line else []), "", remove_images(summary)]


def remove_images(markdown: str) -> str:
    """Return a summary as a terminal can show it."""
    return "\n".join(line for line in markdown.splitlines() if not line.startswith("![")).strip()
