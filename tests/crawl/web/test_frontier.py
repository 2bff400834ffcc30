from tasks.crawl.web.frontier import TOO_MANY_REDIRECTS, Frontier
from tasks.crawl.web.urls import Scope


def frontier(per_host=2, max_depth=9):
    return Frontier(Scope({"a.org", "b.org"}, [], [], max_depth), per_host)


def test_each_url_once():
    known = frontier(per_host=9)
    assert known.discover(["http://a.org/1", "http://a.org/2", "http://a.org/1"], 0) == [
        "http://a.org/1",
        "http://a.org/2",
    ]
    assert known.discover(["http://a.org/2"], 0) == []
    assert {known.take().url, known.take().url} == {"http://a.org/1", "http://a.org/2"}
    assert known.take() is None


def test_hosts_by_turns_and_at_most_so_many():
    known = frontier(per_host=2)
    known.discover([f"http://{host}.org/{n}" for host in "ab" for n in range(5)], 0)
    taken = [known.take() for _ in range(4)]
    assert [entry.url[7] for entry in taken] == ["a", "b", "a", "b"]
    assert known.take() is None
    known.settle(taken[1])
    assert known.take().url[7] == "b"
    assert (known.num_waiting, known.num_fetching) == (5, 4)


def test_a_level_waits_for_the_one_above():
    known = frontier(per_host=9)
    known.discover(["http://a.org/1", "http://a.org/2"], 0)
    first, second = known.take(), known.take()
    known.discover(["http://a.org/3"], 1)
    known.settle(first)
    assert known.take() is None
    known.settle(second)
    assert known.take().url == "http://a.org/3"


def test_refusals_are_counted_once():
    known = frontier(max_depth=1)
    known.discover(["http://c.org/", "http://a.org/deep"], 2)
    known.discover(["http://c.org/"], 1)
    assert known.refused == {"other host": 1, "too deep": 1}
    known.discover(["http://a.org/round"], 0, known.scope.traps.redirects + 1)
    assert known.refused[TOO_MANY_REDIRECTS] == 1


def test_giving_up_a_host_leaves_the_others():
    known = frontier()
    known.discover([f"http://{host}.org/{n}" for host in "ab" for n in range(5)], 0)
    assert known.give_up("a.org") == 5
    assert known.num_waiting == 5
    assert known.take().url.startswith("http://b.org")


def test_what_was_done_does_not_wait():
    known = frontier()
    known.discover([f"http://a.org/{n}" for n in range(5)], 0)
    known.forget_done({f"http://a.org/{n}" for n in range(4)})
    assert known.num_waiting == 1
    assert known.take().url == "http://a.org/4"


def test_room_counts_what_is_on_its_way():
    left = {"a.org": 2}
    known = Frontier(Scope({"a.org"}, [], [], 9), 9, lambda host: left[host])
    known.discover([f"http://a.org/{n}" for n in range(5)], 0)
    taken = [known.take(), known.take()]
    assert known.take() is None
    known.settle(taken[0])  # it was no page, so its place is free again
    assert known.take() is not None
    left["a.org"] = 1
    known.settle(taken[1])
    assert known.take() is None


def test_a_closed_host_is_asked_nothing_more():
    known = frontier()
    known.discover([f"http://a.org/{n}" for n in range(3)], 0)
    known.close("a.org", "enough")
    known.discover(["http://a.org/new", "http://b.org/"], 1)
    assert known.refused == {"enough": 4}
    assert known.take().url == "http://b.org/"
    known.close("c.org", "enough")
    assert known.refused == {"enough": 4}


def test_a_url_that_is_left_out_stays_out():
    known = frontier()
    known.refuse("http://a.org/old", "old")
    assert known.discover(["http://a.org/old"], 0) == []
    assert known.refused == {"old": 1}
