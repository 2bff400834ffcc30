"""The hash table against a dictionary."""

import random
from typing import Any

import numpy as np

from tasks.clean.measures.hash_table import LOW_BITS, choose_mask, ensure_capacity, has_value, insert_or_get
from tasks.runtime.jit import jit


@jit
def insert_all(table: Any, mask: Any, base: Any, values: Any, first: Any) -> None:
    for position in range(values.size):
        first[position] = insert_or_get(table, mask, base, values[position], position)


@jit
def contains(table: Any, mask: Any, base: Any, value: Any) -> Any:
    return has_value(table, mask, base, value)


def test_values_are_found_where_they_stood_first_and_forgotten_in_the_next_round() -> None:
    draw = random.Random(3)
    table, base = np.zeros(16, np.uint64), 1
    for _ in range(200):
        values = np.array(
            [draw.randrange(40) * 0x9E3779B97F4A7C15 % 2**64 for _ in range(draw.randint(1, 90))], np.uint64
        )
        table, base = ensure_capacity(table, base, len(values), 1)
        positions = np.empty(len(values), np.int64)
        insert_all(table, choose_mask(len(values)), base, values, positions)
        first: dict[int, int] = {}
        assert positions.tolist() == [first.setdefault(int(value), position) for position, value in enumerate(values)]
        assert contains(table, choose_mask(len(values)), base, values[0])
        assert not contains(table, choose_mask(len(values)), base, np.uint64(7))
        base += len(values)


def test_the_table_grows_and_is_emptied_before_the_count_ends() -> None:
    table = np.ones(16, np.uint64)
    same, base = ensure_capacity(table, 5, 8, 1)
    assert np.shares_memory(same, table)
    assert base == 5
    grown, base = ensure_capacity(table, 5, 9, 1)
    assert (grown.size, base, grown.any()) == (32, 1, False)
    cleared, base = ensure_capacity(table, int(LOW_BITS) - 9, 8, 1)
    assert (cleared.size, base, cleared.any()) == (16, 1, False)
    assert ensure_capacity(np.ones(16, np.uint64), int(LOW_BITS) - 10, 8, 1)[1] == int(LOW_BITS) - 10
