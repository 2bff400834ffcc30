"""Why a URL was not fetched or not stored, in the words of the summary, and what to do when nothing else came."""

# These may heal by waiting, so a run that goes on tries those URLs again.
TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN = "timeout", "unreachable", "name service is silent", "connection broke"
HEALS = (TIMEOUT, UNREACHABLE, NAME_SERVICE, BROKEN)
REFUSED, NO_HOST, CERTIFICATE = "connection refused", "no such host", "bad certificate"
TOO_SLOW, LATER = "answer too slow", "host asks to wait longer"
NETWORK = (*HEALS, REFUSED, NO_HOST, CERTIFICATE, TOO_SLOW, LATER)
GAVE_UP = "host gave no answer"

ROBOTS, PRIVATE, NAMELESS = "refused by robots.txt", "private address", "user agent without a contact"
TOO_LARGE, BOMB, PACKED, WRONG_TYPE = "too large", "unpacks to too much", "cannot be unpacked", "content type"
UNASKED = "not modified, though nothing was known of it"
NOINDEX, NOT_CANONICAL, REFRESHES = "noindex", "not canonical", "meta refresh"
FETCHED = (NOINDEX, NOT_CANONICAL, REFRESHES)  # a page came, so budgets count it

MENDS = {
    ROBOTS: "The site does not want to be crawled by this user agent: ask its owner, or choose other seeds",
    NOINDEX: "The pages ask not to be kept: ask their owner, or choose other seeds",
    NO_HOST: "Check the spelling of the seeds",
    REFUSED: "Check that the server runs, and the port in the seeds",
    CERTIFICATE: "Mend the certificate, or set verify_certificates to false if you trust the host",
    TOO_SLOW: "Raise timeout",
    LATER: "Start the same command again later, or raise longest_wait",
    NAMELESS: "Say in user_agent how to reach you: the seeds lead to other machines",
    PRIVATE: "Set private_addresses to true if the hosts are yours",
    TOO_LARGE: "Raise max_megabytes",
    BOMB: "Raise max_megabytes",
    WRONG_TYPE: "Add the type to content_types, or choose seeds that are HTML pages",
}
