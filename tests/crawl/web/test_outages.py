"""Which hosts are waited for, and what happens to their URLs: without a server."""

from tasks.crawl.web.frontier import Frontier
from tasks.crawl.web.outages import MAX_FAILURES, MAX_REQUEUES, FailedUrl, HostOutages, is_healable_status
from tasks.crawl.web.reasons import GAVE_UP, TIMEOUT, TOO_SLOW
from tasks.crawl.web.urls import Scope


def make_outages(num_urls=9, known_url=""):
    frontier = Frontier(Scope({"a.org"}, [], [], 9), 99)
    frontier.add([f"http://a.org/{n}" for n in range(num_urls)], 0)
    outages = HostOutages(frontier, 600, lambda _: known_url)
    suspected = []
    outages.on_suspected = suspected.append
    return outages, suspected


def fail_next(outages, *, is_exhausted=True, reason=TIMEOUT):
    return fail(outages, outages.frontier.pop(), is_exhausted=is_exhausted, reason=reason)


def fail(outages, entry, *, is_exhausted=True, reason=TIMEOUT):
    outages.record_failed_attempt("a.org", is_slow=reason == TOO_SLOW)
    outages.record_failure(FailedUrl(entry, reason, is_exhausted))
    outages.frontier.mark_done(entry)
    outages.check_end("a.org")
    return entry


def test_healable_statuses():
    assert all(map(is_healable_status, (408, 425, 429, 500, 502, 503, 504, 522, 530)))
    assert not any(map(is_healable_status, (200, 301, 304, 400, 401, 403, 404, 410, 451, 501, 505, 511)))


def test_a_host_that_never_answered_is_given_up_after_a_few_urls():
    outages, suspected = make_outages()
    for _ in range(MAX_FAILURES):
        fail_next(outages)
    assert suspected == []
    assert outages.frontier.pop() is None
    assert outages.frontier.refused == {GAVE_UP: 9 - MAX_FAILURES}
    assert len(outages.list_failed()) + len(outages.frontier.unasked) == 9


def test_a_host_that_answered_before_is_probed_and_waited_for():
    outages, suspected = make_outages(known_url="http://a.org/known")
    entries = [fail_next(outages) for _ in range(MAX_FAILURES)]
    assert (suspected, outages.num_suspected, outages.frontier.pop()) == (["a.org"], 1, None)
    probes = {outages.choose_probe("a.org") for _ in range(30)}
    assert probes == {f"http://a.org/{n}" for n in range(9)}, "those that failed, and those that wait"
    outages.mark_away("a.org", TIMEOUT, 1)
    outages.mark_back("a.org")
    assert outages.list_failed() == []
    assert outages.num_suspected == 0
    popped = {outages.frontier.pop().url for _ in range(9)}
    assert {entry.url for entry in entries} <= popped


def test_a_host_whose_answers_are_too_slow_is_given_up_without_probes():
    outages, suspected = make_outages(known_url="http://a.org/known")
    for _ in range(MAX_FAILURES):
        fail_next(outages, reason=TOO_SLOW)
    assert suspected == []
    assert outages.frontier.pop() is None
    assert {failed.reason for failed in outages.list_failed()} == {TOO_SLOW}
    assert len(outages.frontier.unasked) == 9 - MAX_FAILURES, "the next run asks for them"


def test_answers_that_were_on_their_way_when_the_connection_was_cut_do_not_make_a_host_slow():
    outages, suspected = make_outages(num_urls=20, known_url="http://a.org/known")
    for entry in [outages.frontier.pop() for _ in range(8)]:
        fail(outages, entry, reason=TOO_SLOW)
    assert suspected == []
    fail_next(outages)
    assert suspected == ["a.org"], "the next answer does not begin, so it is an outage"


def test_slow_answers_at_the_end_of_a_host_are_looked_into():
    outages, suspected = make_outages(num_urls=2, known_url="http://a.org/known")
    for _ in range(2):
        fail_next(outages, reason=TOO_SLOW)
    assert suspected == ["a.org"]


def test_a_page_that_takes_its_server_down_is_not_asked_for_ever():
    outages, _ = make_outages(1, known_url="http://a.org/known")
    for _ in range(MAX_REQUEUES):
        fail_next(outages)
        outages.mark_away("a.org", TIMEOUT, 1)
        outages.mark_back("a.org")
    fail_next(outages)
    outages.mark_away("a.org", TIMEOUT, 1)
    outages.mark_back("a.org")
    assert outages.frontier.pop() is None
    assert [failed.entry.url for failed in outages.list_failed()] == ["http://a.org/0"]
    assert outages.num_suspected == 0


def test_the_last_url_of_a_host_fails_alone_when_the_host_answers():
    outages, suspected = make_outages(1, known_url="http://a.org/known")
    fail_next(outages)
    assert suspected == ["a.org"]
    assert outages.choose_probe("a.org") == "http://a.org/known"
    outages.mark_back("a.org")
    assert outages.frontier.pop() is None
    assert len(outages.list_failed()) == 1


def test_what_was_cut_short_is_asked_again_though_the_host_was_never_away():
    outages, _ = make_outages(2, known_url="http://a.org/known")
    cut_short = fail_next(outages, is_exhausted=False)
    fail_next(outages)
    outages.choose_probe("a.org")
    outages.mark_back("a.org")
    assert outages.frontier.pop() == cut_short


def test_an_answer_ends_a_row_of_failures():
    outages, suspected = make_outages(known_url="http://a.org/known")
    for _ in range(MAX_FAILURES - 1):
        fail_next(outages)
    outages.record_answer("http://a.org/x", is_page=True)
    for _ in range(MAX_FAILURES - 1):
        fail_next(outages)
    assert suspected == []
    assert outages.get_health("a.org").answered_url == "http://a.org/x"
