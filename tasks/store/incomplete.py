"""Incomplete artifacts: built and used, but something is missing that a later run may still have."""

from collections.abc import Iterable, Sequence

from tasks.store.draft import Draft
from tasks.store.manifest import Manifest

MAX_REASONS = 3  # in one line; `textmill show` lists all
NOTE_START = "**Incomplete:** "


def describe_incomplete(reasons: Sequence[str]) -> str:
    """Return the reasons in one line, cut after MAX_REASONS."""
    shown = [reason.rstrip(".") for reason in reasons[:MAX_REASONS]]
    more = len(reasons) - MAX_REASONS
    return "; ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def add_incomplete_note(draft: Draft) -> None:
    """Put what is missing at the top of a draft's summary; a draft without a summary gets one of this sentence."""
    summary = draft.path / "summary.md"
    text = summary.read_text(encoding="utf-8") if summary.exists() else ""
    if not draft.incomplete_reasons:
        return
    if text.startswith(NOTE_START):  # of a run that was killed just before it published
        text = text.partition("\n\n")[2]
    note = f"{NOTE_START}{describe_incomplete(draft.incomplete_reasons)}. The next run asks again."
    with draft.write("summary.md") as path:
        path.write_text(f"{note}\n\n{text}", encoding="utf-8")


def list_incomplete(manifests: Iterable[Manifest]) -> list[str]:
    """Describe each incomplete artifact in a line."""
    return [
        f"{manifest.stage} {manifest.key} is incomplete: {describe_incomplete(manifest.incomplete)}"
        for manifest in manifests
        if manifest.incomplete
    ]
