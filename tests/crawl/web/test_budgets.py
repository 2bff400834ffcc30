from tasks.crawl.web.budgets import BYTE_LIMIT, PAGE_LIMIT, TIME_LIMIT, Budget, BudgetTracker, BudgetUsage


def test_no_limit():
    spent = BudgetUsage(Budget())
    spent.add(10**12, 1)
    assert spent.reached(10**15) is None
    assert spent.room > 10**9


def test_each_limit():
    spent = BudgetUsage(Budget(pages=3, megabytes=0.002, minutes=1))
    spent.add(500, at=1_000)
    assert (spent.room, spent.reached(60_999), spent.reached(61_000)) == (2, None, TIME_LIMIT)
    spent.add(1_500, at=2_000)
    assert spent.reached(2_000) == BYTE_LIMIT
    spent.add(0, at=3_000)
    assert spent.reached(3_000) == PAGE_LIMIT


def test_hosts_have_their_own():
    budgets = BudgetTracker(BudgetUsage(Budget(pages=3)), Budget(pages=2))
    budgets.add("a", 1, at=1)
    budgets.add("a", 1, at=1)
    budgets.add("b", 1, at=1)
    assert (budgets.room("a"), budgets.room("b"), budgets.room("c")) == (0, 1, 2)
    assert budgets.host("b").reached(1) is None
    assert budgets.whole.reached(1) == PAGE_LIMIT
