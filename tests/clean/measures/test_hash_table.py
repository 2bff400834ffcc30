"""The hash table against a dictionary."""

import random
from typing import Any

import numpy as np

from tasks.clean.measures.hash_table import LOW, emptied, first_of, is_in, roomy
from tasks.runtime.jit import jit


@jit
def ask(table: Any, mask: Any, since: Any, values: Any, found: Any) -> None:
    for place in range(values.size):
        found[place] = first_of(table, mask, since, values[place], place)


@jit
def holds(table: Any, mask: Any, since: Any, value: Any) -> Any:
    return is_in(table, mask, since, value)


def test_values_are_found_where_they_stood_first_and_forgotten_in_the_next_round() -> None:
    draw = random.Random(3)
    table, since = np.zeros(16, np.uint64), 1
    for _ in range(200):
        values = np.array(
            [draw.randrange(40) * 0x9E3779B97F4A7C15 % 2**64 for _ in range(draw.randint(1, 90))], np.uint64
        )
        table, since = roomy(table, since, len(values), 1)
        found = np.empty(len(values), np.int64)
        ask(table, emptied(len(values)), since, values, found)
        first: dict[int, int] = {}
        assert found.tolist() == [first.setdefault(int(value), place) for place, value in enumerate(values)]
        assert holds(table, emptied(len(values)), since, values[0])
        assert not holds(table, emptied(len(values)), since, np.uint64(7))
        since += len(values)


def test_the_table_grows_and_is_emptied_before_the_count_ends() -> None:
    table = np.ones(16, np.uint64)
    same, since = roomy(table, 5, 8, 1)
    assert np.shares_memory(same, table)
    assert since == 5
    grown, since = roomy(table, 5, 9, 1)
    assert (grown.size, since, grown.any()) == (32, 1, False)
    emptied_table, since = roomy(table, int(LOW) - 9, 8, 1)
    assert (emptied_table.size, since, emptied_table.any()) == (16, 1, False)
    assert roomy(np.ones(16, np.uint64), int(LOW) - 10, 8, 1)[1] == int(LOW) - 10
