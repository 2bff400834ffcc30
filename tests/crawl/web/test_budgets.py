from tasks.crawl.web.budgets import BYTE_LIMIT, PAGE_LIMIT, TIME_LIMIT, Budget, BudgetTracker, BudgetUsage


def test_no_limit():
    usage = BudgetUsage(Budget())
    usage.add(10**12, 1)
    assert usage.find_reached_limit(10**15) is None
    assert usage.remaining_pages > 10**9


def test_each_limit():
    usage = BudgetUsage(Budget(max_pages=3, max_total_megabytes=0.002, max_minutes=1))
    usage.add(500, at=1_000)
    assert (usage.remaining_pages, usage.find_reached_limit(60_999), usage.find_reached_limit(61_000)) == (
        2,
        None,
        TIME_LIMIT,
    )
    usage.add(1_500, at=2_000)
    assert usage.find_reached_limit(2_000) == BYTE_LIMIT
    usage.add(0, at=3_000)
    assert usage.find_reached_limit(3_000) == PAGE_LIMIT


def test_hosts_have_their_own():
    budgets = BudgetTracker(BudgetUsage(Budget(max_pages=3)), Budget(max_pages=2))
    budgets.add("a", 1, at=1)
    budgets.add("a", 1, at=1)
    budgets.add("b", 1, at=1)
    assert (budgets.get_remaining_pages("a"), budgets.get_remaining_pages("b"), budgets.get_remaining_pages("c")) == (
        0,
        1,
        2,
    )
    assert budgets.get_host_usage("b").find_reached_limit(1) is None
    assert budgets.total.find_reached_limit(1) == PAGE_LIMIT


def test_time_in_which_no_crawl_was_under_way_does_not_count():
    budgets = BudgetTracker(BudgetUsage(Budget(max_minutes=1)), Budget(max_minutes=1))
    budgets.add("a", 1, at=1_000)
    budgets.shift_start(500_000)
    for usage in (budgets.total, budgets.get_host_usage("a"), budgets.get_host_usage("b")):
        assert usage.find_reached_limit(560_999) is None
    assert budgets.total.find_reached_limit(561_000) == TIME_LIMIT
