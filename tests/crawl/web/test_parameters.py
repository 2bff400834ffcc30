import pytest

from tasks.crawl.web.parameters import SESSION_REMOVED, TRACKING_REMOVED, Parameters

TOKEN = "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("url", "stripped", "rules"),
    [
        ("http://x/", "http://x/", set()),
        ("http://x/?", "http://x/", set()),
        ("http://x/?q", "http://x/?q", set()),
        ("http://x/?b=2&a=1&b=1&&", "http://x/?a=1&b=2&b=1", set()),
        ("http://x/?utm_source=n&UTM_medium=m&gclid=1&fbclid=2&q=1", "http://x/?q=1", {TRACKING_REMOVED}),
        ("http://x/?autm_source=1", "http://x/?autm_source=1", set()),
        (f"http://x/a;jsessionid={TOKEN}?a=1", "http://x/a?a=1", {SESSION_REMOVED}),
        (f"http://x/a;jsessionid={TOKEN}/b;v=2", "http://x/a/b;v=2", {SESSION_REMOVED}),
        ("http://x/(S(abcdefghijklmnopqrstuvwx))/a.aspx", "http://x/a.aspx", {SESSION_REMOVED}),
        ("http://x/?PHPSESSID=1&JSESSIONID=2&ASPSESSIONIDQABC=3", "http://x/", {SESSION_REMOVED}),
        (f"http://x/?sid={TOKEN}&session={TOKEN}", "http://x/", {SESSION_REMOVED}),
        ("http://x/?sid=12&session=keynote", "http://x/?session=keynote&sid=12", set()),
        (f"http://x/?gclid=1&sid={TOKEN}", "http://x/", {TRACKING_REMOVED, SESSION_REMOVED}),
    ],
)
def test_stripped(url, stripped, rules):
    parameters = Parameters()
    assert parameters.strip_url(url) == (stripped, rules)
    assert parameters.strip_url(stripped) == (stripped, set())


def test_each_rule_can_be_turned_off():
    url = f"http://x/a;sid={TOKEN}?utm_source=1&sid={TOKEN}&a=1"
    assert Parameters(tracking=[], sessions=[], sort=False).strip_url(url) == (url, set())
    assert Parameters(tracking=["a"], sessions=[], sort=False).strip_url("http://x/?a=1&b=2") == (
        "http://x/?b=2",
        {TRACKING_REMOVED},
    )
