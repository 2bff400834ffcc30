"""Counts of shards add up, whatever names each of them has."""

from tasks.runtime.counts import add_counts


def test_nested_counts_add_up_in_the_order_of_their_first_names() -> None:
    shards = [{"kept": 1, "failed": {"empty": 2}}, {"failed": {"broken": 1, "empty": 3}, "kept": 4, "seconds": 0.5}]
    total = add_counts(shards)
    assert total == {"kept": 5, "failed": {"empty": 5, "broken": 1}, "seconds": 0.5}
    assert [*total, *total["failed"]] == ["kept", "failed", "seconds", "empty", "broken"]
    assert shards[0] == {"kept": 1, "failed": {"empty": 2}}, "the parts stay as they are"


def test_of_other_values_the_last_one_counts() -> None:
    assert add_counts([{"end": "empty queue"}, {"end": "limit"}]) == {"end": "limit"}
    assert add_counts([{"a": 1}, {"a": {"b": 2}}]) == {"a": {"b": 2}}
    assert add_counts([]) == {}
