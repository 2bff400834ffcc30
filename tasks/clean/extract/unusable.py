"""The reasons why a page gives no document: in itself, or only in this build."""

UNDECIDED_REASON = "undecided: "  # begins the reason of an undecided page in failed/ and in the counts


class UnusablePage(Exception):
    """A page that gives no document. The message is counted by its text, so it must not differ from page to page."""


class UndecidedPage(Exception):
    """A page that could not be read because of the machine, such as for lack of memory: a later build may read it."""


def describe_undecided(failed: dict[str, int]) -> str:
    """Return a sentence on the undecided pages among the counts of failed ones; empty when there is none."""
    count = sum(number for reason, number in failed.items() if reason.startswith(UNDECIDED_REASON))
    pages = "1 page" if count == 1 else f"{count:,} pages"
    return (
        f"{pages} could not be read because of the machine (memory, killed processes): see undecided/" if count else ""
    )
