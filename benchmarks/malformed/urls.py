"""URLs as templates, editors and broken programs write them into pages."""

from random import Random

SCHEMES = ("http://", "https://", "HTTP://", "//", "", "http:/", "http:///", "ht tp://", "javascript:", "data:,", "://")
HOSTS = (
    "[SITE_URL]", "[::1", "[::1]:80:80", "[v1.x]", "[fe80::1%25eth0]", "ex ample.test", "faß.test", "bücher.test",
    "xn--", "xn--a-" + "\u0301", "a" * 300 + ".test", "..", ".test", "test..", "1.2.3.4.5", "0x7f.1", "%00", "%zz",
    "host.test:port", "host.test:99999999", "host.test:-1", "user:pa ss@host.test", "@", "a@b@c", "。test", "\u202etes",
    "\U0001f4a9.test", "-a.test", "a_b.test", "*.test", "{host}", "<host>", "", "\u2488com", "ﬀ.test", "\u0000.test",
)  # fmt: skip
PATHS = (
    "", "/", "/%", "/%zz", "/%00", "/" + "../" * 50, "\\windows\\path", "/a b", "/\x00", "/\t\n", "/#a#b#c", "?a?b?c",
    "/" + "a" * 70_000, "/é", "/\ud800", "/%ff%fe", "/;;;==", "/{{ page.url }}", "/<%= url %>", "/a%2fb", "/[]", "/]]>",
    ";jsessionid=" + "9" * 5000, "?" + "&" * 3000, "/\u2028", "/a?b=[c]&d={e}|f^g`h", "/%u0041", "/..%5c..%5cetc",
)  # fmt: skip


def draw_url(random_: Random) -> str:
    """Draw a URL of a scheme, a host and a path, each of which may be wrong."""
    url = random_.choice(SCHEMES) + random_.choice(HOSTS) + random_.choice(PATHS)
    if random_.random() < 0.1:
        position = random_.randrange(len(url) + 1)
        url = url[:position] + chr(random_.randrange(1, 0x3000)) + url[position:]
    return url


def escape_attribute(url: str) -> str:
    """Write a URL into an attribute in double quotes; what cannot be encoded becomes a question mark."""
    return url.encode("utf-8", "replace").decode().replace("&", "&amp;").replace('"', "&quot;")


def draw_links(random_: Random, good_url: str) -> str:
    """Draw markup that is full of odd URLs, with one good link."""

    def draw() -> str:
        return escape_attribute(draw_url(random_))

    head = random_.choice(
        (
            "",
            f'<base href="{draw()}">',
            f'<base><base target="{draw()}">',
            f'<link rel="alternate" hreflang="x" href="{draw()}">',
            f'<link rel="icon" href="{draw()}"><link href="{draw()}">',
        )
    )
    odd = "".join(f'<a href="{draw()}">odd</a><img src="{draw()}" srcset="{draw()} 2x, {draw()}">' for _ in range(6))
    return f'<html><head>{head}</head><body>{odd}<a href="{good_url}">good</a><area href="{draw()}">{odd}</body></html>'
