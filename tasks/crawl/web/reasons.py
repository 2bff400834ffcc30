"""Reasons why URLs were not fetched or not stored, and hints for a crawl that got no page.

The texts are stored in counts, summaries and journals: they must not change.
"""

# These may be gone after a while, so a resumed run tries those URLs again.
TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN = "timeout", "unreachable", "name service is silent", "connection broke"
TRANSIENT = (TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN)
REFUSED, NO_HOST, CERTIFICATE = "connection refused", "no such host", "bad certificate"
TOO_SLOW, WAIT_TOO_LONG, LONG_CRAWL_DELAY = "answer too slow", "host asks to wait longer", "Crawl-delay is too long"
ROBOTS_FAILS = "refused by robots.txt, which answers with an error for now"
NETWORK = (*TRANSIENT, REFUSED, NO_HOST, CERTIFICATE, TOO_SLOW, WAIT_TOO_LONG, LONG_CRAWL_DELAY, ROBOTS_FAILS)
GAVE_UP = "host gave no answer"
# What another run may get. A name that does not exist and a bad certificate are the site's own, and stay.
HEALABLE = (*TRANSIENT, REFUSED, TOO_SLOW, WAIT_TOO_LONG, ROBOTS_FAILS, GAVE_UP)

MALFORMED = "malformed answer"
ROBOTS, PRIVATE, NO_CONTACT = "refused by robots.txt", "private address", "user agent without a contact"
TOO_LARGE, UNPACKS_TOO_LARGE, NOT_UNPACKABLE, WRONG_TYPE = (
    "too large",
    "unpacks to too much",
    "cannot be unpacked",
    "content type",
)
NOT_MODIFIED_UNKNOWN = "not modified, though nothing was known of it"
NOINDEX, NOT_CANONICAL, META_REFRESH = "noindex", "not canonical", "meta refresh"
# A page came, so budgets count it although it is not stored.
FETCHED_NOT_STORED = (
    NOINDEX,
    NOT_CANONICAL,
    META_REFRESH,
)

HINTS = {
    ROBOTS: "The site does not want to be crawled by this user agent: ask its owner, or choose other seeds",
    NOINDEX: "The pages ask not to be kept: ask their owner, or choose other seeds",
    NO_HOST: "Check the spelling of the seeds",
    REFUSED: "Check that the server runs, and the port in the seeds",
    CERTIFICATE: "Renew the certificate, or set verify_certificates to false if you trust the host",
    TOO_SLOW: "Raise timeout",
    WAIT_TOO_LONG: "Start the same command again later, or raise max_retry_after",
    LONG_CRAWL_DELAY: "Raise max_retry_after: the host wants more time between two requests",
    ROBOTS_FAILS: "Start the same command again when the host answers for robots.txt",
    NO_CONTACT: "Say in user_agent how to reach you: the seeds lead to other machines",
    PRIVATE: "Set private_addresses to true if the hosts are yours",
    TOO_LARGE: "Raise max_megabytes",
    UNPACKS_TOO_LARGE: "Raise max_megabytes",
    WRONG_TYPE: "Add the type to content_types, or choose seeds that are HTML pages",
}
