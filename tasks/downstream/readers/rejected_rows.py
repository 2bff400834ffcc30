"""Rows, lines and entities that do not fit: they end the run, or are left out up to a limit and counted."""

from dataclasses import dataclass, field
from typing import Literal

from tasks.errors import StageFailure

ErrorPolicy = Literal["fail", "skip"]


@dataclass
class RejectedRows:
    """The errors of a data set's rows, by its policy."""

    on_error: ErrorPolicy = "fail"
    max_fraction: float = 0.05
    errors: list[StageFailure] = field(default_factory=list)
    """those of the rows that were skipped"""

    def reject(self, error: StageFailure) -> None:
        """Raise the error of a row, or keep it and let the row be skipped."""
        if self.on_error == "fail":
            hint = f"{error.hint}, or set on_error to skip to leave such rows out"
            raise type(error)(error.what, hint if "on_error" not in error.hint else error.hint) from error
        self.errors.append(error)

    def check_fraction(self, num_rejected: int, num_kept: int, source: str) -> None:
        """Raise StageFailure when more of a part's rows were skipped than the limit allows."""
        total = num_rejected + num_kept
        if num_rejected and num_rejected > self.max_fraction * total:
            first = self.errors[-num_rejected]
            raise StageFailure(
                f"{num_rejected:,} of {total:,} rows of {source} do not fit, more than {self.max_fraction:.0%}; "
                f"the first: {first.what}",
                f"{first.hint}, or raise max_skipped_fraction",
            )

    def describe(self, noun: str) -> str:
        """Return a sentence on the number of skipped rows, with a space before it; empty where none was skipped."""
        return f" {len(self.errors):,} {noun} that do not fit are left out." if self.errors else ""
