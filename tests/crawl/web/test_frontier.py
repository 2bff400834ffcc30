from tasks.crawl.web.frontier import TOO_MANY_REDIRECTS, Frontier, FrontierEntry
from tasks.crawl.web.urls import Scope


def make_frontier(max_per_host=2, max_depth=9):
    return Frontier(Scope({"a.org", "b.org"}, [], [], max_depth), max_per_host)


def test_each_url_once():
    frontier = make_frontier(max_per_host=9)
    assert frontier.add(["http://a.org/1", "http://a.org/2", "http://a.org/1"], 0) == [
        "http://a.org/1",
        "http://a.org/2",
    ]
    assert frontier.add(["http://a.org/2"], 0) == []
    assert {frontier.pop().url, frontier.pop().url} == {"http://a.org/1", "http://a.org/2"}
    assert frontier.pop() is None


def test_hosts_by_turns_and_at_most_so_many():
    frontier = make_frontier(max_per_host=2)
    frontier.add([f"http://{host}.org/{n}" for host in "ab" for n in range(5)], 0)
    entries = [frontier.pop() for _ in range(4)]
    assert [entry.url[7] for entry in entries] == ["a", "b", "a", "b"]
    assert frontier.pop() is None
    frontier.mark_done(entries[1])
    assert frontier.pop().url[7] == "b"
    assert (frontier.num_waiting, frontier.num_fetching) == (5, 4)


def test_a_level_waits_for_the_one_above():
    frontier = make_frontier(max_per_host=9)
    frontier.add(["http://a.org/1", "http://a.org/2"], 0)
    first, second = frontier.pop(), frontier.pop()
    frontier.add(["http://a.org/3"], 1)
    frontier.mark_done(first)
    assert frontier.pop() is None
    frontier.mark_done(second)
    assert frontier.pop().url == "http://a.org/3"


def test_refusals_are_counted_once():
    frontier = make_frontier(max_depth=1)
    frontier.add(["http://c.org/", "http://a.org/deep"], 2)
    frontier.add(["http://c.org/"], 1)
    assert frontier.refused == {"other host": 1, "too deep": 1}
    frontier.add(["http://a.org/round"], 0, frontier.scope.traps.max_redirects + 1)
    assert frontier.refused[TOO_MANY_REDIRECTS] == 1


def test_giving_up_a_host_leaves_the_others():
    frontier = make_frontier()
    frontier.add([f"http://{host}.org/{n}" for host in "ab" for n in range(5)], 0)
    frontier.close("a.org", "no answer", keeps_unasked=True)
    frontier.add(["http://a.org/later"], 1)
    assert frontier.num_waiting == 5
    assert frontier.refused == {"no answer": 6}
    assert len(frontier.unasked) == 6
    frontier.close("a.org", "page limit")
    frontier.requeue(FrontierEntry("http://a.org/0"))
    assert frontier.refused == {"no answer": 7}
    assert frontier.num_waiting == 5
    assert frontier.pop().url.startswith("http://b.org")


def test_a_paused_host_waits_and_goes_on():
    frontier = make_frontier()
    frontier.add([f"http://{host}.org/" for host in "ab"], 0)
    frontier.pause("a.org")
    entry = frontier.pop()
    assert (entry.url, frontier.pop()) == ("http://b.org/", None)
    frontier.resume("a.org")
    first = frontier.pop()
    frontier.mark_done(first)
    frontier.requeue(first)
    assert frontier.pop() == first


def test_what_was_done_does_not_wait():
    frontier = make_frontier()
    frontier.add([f"http://a.org/{n}" for n in range(5)], 0)
    frontier.remove_done({f"http://a.org/{n}" for n in range(4)})
    assert frontier.num_waiting == 1
    assert frontier.pop().url == "http://a.org/4"


def test_room_counts_what_is_on_its_way():
    remaining = {"a.org": 2}
    frontier = Frontier(Scope({"a.org"}, [], [], 9), 9, lambda host: remaining[host])
    frontier.add([f"http://a.org/{n}" for n in range(5)], 0)
    entries = [frontier.pop(), frontier.pop()]
    assert frontier.pop() is None
    frontier.mark_done(entries[0])  # it was no page, so its place is free again
    assert frontier.pop() is not None
    remaining["a.org"] = 1
    frontier.mark_done(entries[1])
    assert frontier.pop() is None


def test_a_closed_host_is_asked_nothing_more():
    frontier = make_frontier()
    frontier.add([f"http://a.org/{n}" for n in range(3)], 0)
    frontier.close("a.org", "enough")
    frontier.add(["http://a.org/new", "http://b.org/"], 1)
    assert frontier.refused == {"enough": 4}
    assert frontier.pop().url == "http://b.org/"
    frontier.close("c.org", "enough")
    assert frontier.refused == {"enough": 4}


def test_a_url_that_is_left_out_stays_out():
    frontier = make_frontier()
    frontier.refuse("http://a.org/old", "old")
    assert frontier.add(["http://a.org/old"], 0) == []
    assert frontier.refused == {"old": 1}
