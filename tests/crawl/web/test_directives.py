import pytest

from tasks.crawl.web.directives import RobotsDirectives, has_contact, parse_directives, parse_product_name


@pytest.mark.parametrize(
    ("agent", "name"),
    [("Textmill/0.1 (+https://x.org/)", "textmill"), ("My-Bot 2 (a@x.org)", "my-bot"), ("(nobody)", "")],
)
def test_product(agent, name):
    assert parse_product_name(agent) == name


@pytest.mark.parametrize(
    "agent", ["Bot/1 (+https://docs.python.org/crawler)", "Bot (mailto:me@mill.dev)", "Bot me.too@mill.co.uk"]
)
def test_contact(agent):
    assert has_contact(agent)


@pytest.mark.parametrize(
    "agent",
    ["Textmill/0.1", "Bot (+https://example.org/who)", "Bot (you@example.com)", "Bot (x@a.test)", "Bot http://bot", ""],
)
def test_no_contact(agent):
    assert not has_contact(agent)


@pytest.mark.parametrize(
    ("headers", "metas", "noindex", "nofollow"),
    [
        ([], [], False, False),
        (["noindex"], [], True, False),
        (["None"], [], True, True),
        (["nofollow, noarchive"], [], False, True),
        (["googlebot: noindex, nofollow"], [], False, False),
        (["googlebot: nofollow, textmill: noindex"], [], True, False),
        (["textmill: none"], [], True, True),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noindex"], [], True, False),
        (["max-snippet: 20", "nofollow"], [], False, True),
        ([], [("robots", "INDEX, Follow")], False, False),
        ([], [("Robots", "noindex ,nofollow")], True, True),
        ([], [("textmill", "noindex"), ("googlebot", "nofollow")], True, False),
        (["nofollow"], [("robots", "noindex")], True, True),
        ([], [("description", "noindex")], False, False),
    ],
)
def test_directives_add_up(headers, metas, noindex, nofollow):
    assert parse_directives(headers, metas, "textmill") == RobotsDirectives(noindex, nofollow)
