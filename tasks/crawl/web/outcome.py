"""End a crawl: write its index, and decide whether it is complete, incomplete or failed.

What another run may get (no answer, 429, 5xx) makes a crawl incomplete; what it cannot get (404, robots.txt, a bad
certificate, a name that does not exist) never does, nor does what a limit of the crawl leaves out. On every real site
some URLs never answer. So a URL that failed in DEAD_RUNS runs is dead, where its host answered others or never answered
at all; where a host has too many of them it is no accident, and they are asked for again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tasks.crawl.counters import Tally, format_counts
from tasks.crawl.web.budgets import PAGE_LIMIT
from tasks.crawl.web.continuation import UnansweredUrl, save_frontier, write_unanswered
from tasks.crawl.web.reasons import GAVE_UP, HINTS, TRANSIENT
from tasks.crawl.web.state import CrawlState, get_time_ms
from tasks.crawl.web.urls import get_host
from tasks.errors import StageFailure, Transient
from tasks.store import Draft

DEAD_RUNS = 2
MIN_DEAD = 10  # of a host: so many may be dead whatever the size of the site
MAX_NAMED_HOSTS = 10  # in the reasons why an artifact is incomplete


@dataclass(frozen=True)
class LossLimits:
    """Limits of what a crawl may lose, as fractions of URLs."""

    max_lost: float  # of all URLs: a crawl that loses more fails
    max_dead: float  # of the pages of a host


class Loss(NamedTuple):
    """A URL that got no answer; `is_final` when no later run will ask for it."""

    url: str
    reason: str
    runs: int
    is_final: bool


def finish_crawl(state: CrawlState, draft: Draft, limits: LossLimits, earlier: Mapping[str, int]) -> Tally:
    """Write the index of a crawl and what it lost, and return its counts.

    `earlier` says in how many runs before this one a URL failed. Raises the error that ended the crawl, StageFailure
    when there is no page, and Transient when more was lost than the limits allow.
    """
    if state.error is not None:
        state.journal.close()
        raise state.error
    state.journal.commit()
    failed = state.outages.list_failed()
    # a stored answer such as 503 is counted by its status
    without_answer = [url for url in failed if url.entry.url not in state.unanswered_rows]
    tally = state.tally
    for url in without_answer:
        tally.count_skipped(url.reason)
    if not tally.answers:
        state.journal.delete()
        raise explain_empty_crawl(state)
    # not what a host does not want to be asked for now: it said so
    num_lost = len(without_answer) + state.frontier.refused[GAVE_UP]
    tally.skipped.update(state.frontier.refused)
    if num_lost > limits.max_lost * (num_lost + tally.answers):
        state.journal.close()
        raise Transient(
            f"the network went away: {tally.answers:,} pages were fetched, {num_lost:,} URLs were not "
            f"({format_counts(dict(tally.skipped))})",
            "Start the same command again when the hosts answer: it resumes with the pages that it has",
        )
    limit = state.budgets.total.find_reached_limit(get_time_ms())
    tally.count_skipped(limit or PAGE_LIMIT, state.frontier.num_waiting)
    state.journal.finish(draft)
    report_losses(draft, tally, list_losses(state, limits, earlier), state)
    if pages := state.find_unanswered_pages():
        state.previous.carry_over(draft, pages)
        tally.changes["unanswered"] = len(pages)
    return tally


def list_losses(state: CrawlState, limits: LossLimits, earlier: Mapping[str, int]) -> list[Loss]:
    """List the URLs that got no answer though another run may get one, sorted by URL."""
    is_limited = state.budgets.total.find_reached_limit(get_time_ms()) is not None
    reasons = {url.entry.url: url.reason for url in state.outages.list_failed()}
    reasons |= {url: state.frontier.hosts[get_host(url)].closed or GAVE_UP for url in state.frontier.unasked}
    reasons |= state.lost_sitemaps
    runs = {}
    for url in reasons:
        health = state.outages.get_health(get_host(url))
        # an outage says nothing of the single URL
        runs[url] = earlier.get(url, 0) + (not health.is_given_up or health.fails_elsewhere or not health.answered_url)
    num_dead = Counter(get_host(url) for url, count in runs.items() if count >= DEAD_RUNS)

    def is_final(url: str) -> bool:
        host = get_host(url)
        queue, health = state.frontier.hosts.get(host), state.outages.get_health(host)
        if is_limited or (queue and queue.closed and not queue.keeps_unasked):
            return True
        if not health.answered_url:
            return runs[url] >= DEAD_RUNS
        max_dead = max(MIN_DEAD, limits.max_dead * state.budgets.get_host_usage(host).pages)
        return runs[url] >= DEAD_RUNS and num_dead[host] <= max_dead

    return [Loss(url, reason, runs[url], is_final(url)) for url, reason in sorted(reasons.items())]


def report_losses(draft: Draft, tally: Tally, losses: list[Loss], state: CrawlState) -> None:
    """Write the list of losses, and report those that a later run may get, by host."""
    if losses:
        write_unanswered(draft, [UnansweredUrl(loss.url, loss.reason, loss.runs) for loss in losses])
    tally.num_dead = sum(loss.is_final for loss in losses)
    missing = [loss for loss in losses if not loss.is_final]
    tally.unanswered.update(get_host(loss.url) for loss in missing)
    if missing:
        # the next run continues with it, as after a kill
        save_frontier(draft, state.journal.path)
    for host, count in tally.unanswered.most_common(MAX_NAMED_HOSTS):
        reasons = Counter(loss.reason for loss in missing if get_host(loss.url) == host)
        urls = "URL" if count == 1 else "URLs"
        draft.report_incomplete(f"{count:,} {urls} of {host} got no answer ({format_counts(dict(reasons))})")
    others = [count for _, count in tally.unanswered.most_common()[MAX_NAMED_HOSTS:]]
    if others:
        draft.report_incomplete(f"{sum(others):,} URLs of {len(others):,} other hosts got no answer")


def explain_empty_crawl(state: CrawlState) -> StageFailure:
    """Return the error of a crawl that got no page."""
    answers = {status: count for status, count in state.tally.statuses.items() if count}
    skipped = dict(state.tally.skipped.most_common())
    refused = dict(state.frontier.refused)
    reasons = {**{f"status {status}": count for status, count in answers.items()}, **skipped, **refused}
    message = f"no page was fetched from {', '.join(state.limits.seeds)} ({format_counts(reasons)})"
    if skipped and set(skipped) <= set(TRANSIENT) and not answers:
        return Transient(message, "Check the network: the hosts cannot be reached from here")
    hints = [hint for reason, hint in HINTS.items() if reason in skipped]
    if answers:
        hints.append("Open the seeds in a browser and correct them: the server answers, but with no page")
    if refused:
        hints.append("Check hosts, allow and deny: they leave out what the seeds lead to")
    return StageFailure(message, "; ".join(hints) or "Choose other seeds")
