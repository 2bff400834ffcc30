"""Patterns of personal data: the forms of every kind, and a check of each match.

The shapes are written for two engines: polars searches a shape in whole columns, fast and without look-around; then
Python's `re` finds the spans in the few texts with a match.
"""

import functools
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

# RFC 2606 reserves these names for examples; no one has a mailbox there.
EXAMPLE_DOMAINS = re.compile(
    r"(?i)@(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|(?:[\w-]+\.)?(?:example|test|invalid|localhost))$"
)
FILE_SUFFIX = re.compile(r"(?i)\.(?:png|jpe?g|gif|svg|webp|js|css|html?|py|json|service|socket|target|mount)$")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291, 2.4
MIN_LARGEST_OCTET = 20  # four smaller numbers are taken for a version or a section
# GB/T 2260: the first two digits of Chinese administrative codes, by region.
REGIONS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83), (91, 91))
PROVINCES = frozenset(code for first, last in REGIONS for code in range(first, last + 1))
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECK_DIGITS = "10X98765432"
# ISO/IEC 7812 issuer ranges and their lengths: Visa, Mastercard, American Express, Discover, Diners Club, JCB,
# UnionPay, Maestro.
ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d{2})\d{12,15}|3(?:0[0-5]|[689]\d)\d{11,16}|35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11}"
    r"|62\d{14,17}|(?:5[0678]|6\d)\d{10,17}"
)
CITATION_YEAR = re.compile(r"\((?:1[89]|20)\d\d\)")  # `(1982) 171-184` are pages of a journal
# Words before, or after, a number that has no form of its own.
PHONE_WORDS = (
    r"(?i:\b(?:(?:tele)?phone|mobile|cell|call(?:ed|ing)?|fax|tel|whatsapp|text(?:ed|ing)?|sms|messages?|dial|ring|"
    r"reach|answer(?:ed|ing)?|registered|office|desk|hotline)\b|电话|手机|传真|致电|拨打|联系方式)"
)
PHONE_WORDS_AFTER = r"[ -]{1,3}(?i:office|fax|mobile|cell|desk|home)\b"
CARD_WORDS = r"(?i:\b(?:card|visa|mastercard|amex|cc)\b|卡号)"


@dataclass(frozen=True)
class PiiPattern:
    """One form of a kind of personal data: a regular expression `shape`, and a check `is_valid` of what it matches.

    The characters `not_before` and `not_after` must not touch it. `preceded_by` is a regular expression that must match
    at most 24 characters before it, `followed_by` one that must match right after it.
    """

    kind: str
    shape: str
    is_valid: Callable[[str], bool]
    not_before: str = r"\w"
    not_after: str = r"\w"
    preceded_by: str = ""
    followed_by: str = ""

    @property
    def column_regex(self) -> str:
        """The regular expression for whole columns: it matches every text with a match, and some without."""
        return (rf"{self.preceded_by}[^\d]{{0,24}}" if self.preceded_by else "") + f"(?:{self.shape}){self.followed_by}"

    @functools.cached_property
    def text_regex(self) -> re.Pattern[str]:
        """The regular expression for one text: its group `data` is the personal data."""
        data = rf"(?<![{self.not_before}])(?P<data>{self.shape})(?![{self.not_after}])(?={self.followed_by})"
        return re.compile(rf"{self.preceded_by}[^\d]{{0,24}}?{data}" if self.preceded_by else data)


def keep_digits(text: str) -> str:
    """Return the digits of a text."""
    return re.sub(r"\D", "", text)


def is_mailbox(text: str) -> bool:
    """Return whether an e-mail address may be a person's: no example, no file name, no `git@host`."""
    return not (
        EXAMPLE_DOMAINS.search(text)
        or FILE_SUFFIX.search(text)
        or text.startswith(("git@", "hg@", "svn@"))
        or ".." in text
    )


def is_public_ip(text: str) -> bool:
    """Return whether an IP address is public: no loopback, private or documentation range (RFC 6890)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and max(address.packed) >= MIN_LARGEST_OCTET
    # `1::2` is far more often a slice of a list than an address
    return not address.is_private and ("::" not in text or address in GLOBAL_UNICAST)


def passes_luhn(number: str) -> bool:
    """Return whether the check digit of a number is right (Luhn algorithm, ISO/IEC 7812-1, annex B)."""
    # every second digit from the right is doubled; divmod gives the two digits of the result
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (sum(doubled) + sum(map(int, number[::-2]))) % 10 == 0


def is_payment_card(text: str) -> bool:
    """Return whether a number is a payment card's: in an issuer's range and length, with the check digit."""
    digits = keep_digits(text)
    return bool(ISSUERS.fullmatch(digits)) and passes_luhn(digits) and len(set(digits)) > 1


def is_named_card(text: str) -> bool:
    """Return whether a number that the text calls a card has the check digit, whatever its issuer."""
    return passes_luhn(keep_digits(text))


def is_iban(text: str) -> bool:
    """Return whether a text is an IBAN (ISO 13616).

    With the first four characters at the end, and letters as the numbers 10 to 35, the remainder modulo 97 is 1.
    """
    plain = text.replace(" ", "").upper()
    return (
        15 <= len(plain) <= 34
        and int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
    )


def is_resident_id(text: str) -> bool:
    """Return whether a text is a Chinese resident identity number (GB 11643-1999).

    It has a province, a date of birth, and a check digit by ISO 7064 MOD 11-2.
    """
    if int(text[:2]) not in PROVINCES:
        return False
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(RESIDENT_WEIGHTS, text[:17], strict=True))
    return RESIDENT_CHECK_DIGITS[total % 11] == text[17].upper()


def is_phone_number(text: str) -> bool:
    """Return whether a number may be a telephone number: 7 to 15 digits (at most 15 by ITU-T E.164)."""
    digits = keep_digits(text)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2 and not CITATION_YEAR.match(text)


def is_foreign_number(text: str) -> bool:
    """Return whether a number with the prefix 00 may be a telephone number: shorter ones have leading zeros."""
    return is_phone_number(text[2:]) and len(keep_digits(text)) >= 12


def is_random_key(text: str) -> bool:
    """Return whether a value looks random, and not like a placeholder such as `your-api-key-goes-here`."""
    value = text.strip("'\"")
    return len(set(value)) >= 10 and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def accept_any(_text: str) -> bool:
    """Return True, for forms that need no check."""
    return True


KEYS = (
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # Amazon
    r"gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{50,255}",
    r"glpat-[0-9A-Za-z_-]{20,}",
    r"xox[abeoprs]-[0-9A-Za-z-]{20,}",  # Slack
    r"AIza[0-9A-Za-z_-]{35}",  # Google
    r"[rs]k_(?:live|test)_[0-9A-Za-z]{20,}",  # Stripe
    r"sk-(?:proj-|ant-)?[0-9A-Za-z_-]{32,}",
    r"hf_[0-9A-Za-z]{30,}",
    r"eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",  # JSON Web Token, RFC 7519
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]{40,}-----END [A-Z ]{0,20}PRIVATE KEY-----",
)
KEY_ASSIGNMENT = r"(?i:api[_-]?key|secret|token|passw(?:or)?d|access[_-]?key)[\w-]{0,20}['\"]?\s*[:=]"
EMAIL = r"[0-9A-Za-z][0-9A-Za-z._%+-]{0,63}@[0-9A-Za-z][0-9A-Za-z.-]{0,253}\.[A-Za-z]{2,24}"
IBAN = r"[A-Za-z]{2}\d{2}(?:[0-9A-Za-z]{11,30}|(?: [0-9A-Za-z]{4}){2,7}(?: [0-9A-Za-z]{1,4})?)"
RESIDENT = r"[1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[0-9Xx]"
CARD = r"\d{12,19}|\d{4}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,3})?|\d{4}[ -]\d{6}[ -]\d{4,5}"
OCTETS = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
HEX = "[0-9A-Fa-f]{1,4}"
GROUPS = r"\(?\+?(?:\(?\d{1,4}\)?[ .-]?){1,5}\d{2,8}"
NATIONAL = r"(?:\(0?\d{1,4}\)[ .-]?)?(?:\d{1,4}[ .-]?){2,5}\d{2,4}"
EXTENSION = r"(?:[ ]?(?:x|ext\.? ?)\d{1,6})?"
AMERICAN = r"(?:\d{3}[.-]\d{3}|\d{3} \d{3})[ .-]\d{4}"
CHINESE = r"1[3-9]\d{9}|0\d{2,3}-\d{7,8}"
# In order: a match of an earlier pattern excludes overlapping matches of later ones.
PATTERNS = (
    PiiPattern("secret", "|".join(KEYS), accept_any, not_before="0-9A-Za-z_", not_after="0-9A-Za-z_"),
    PiiPattern("secret", r"""['"][0-9A-Za-z_+/=.-]{20,200}['"]""", is_random_key, preceded_by=KEY_ASSIGNMENT),
    PiiPattern("email", EMAIL, is_mailbox, not_before="0-9A-Za-z._%+/@-", not_after="0-9A-Za-z@"),
    PiiPattern("iban", IBAN, is_iban),
    PiiPattern("resident_id", RESIDENT, is_resident_id, not_before="0-9A-Za-z.", not_after="0-9A-Za-z"),
    PiiPattern("card", CARD, is_payment_card, not_before=r"\w.-", not_after=r"\w-"),
    PiiPattern("card", CARD, is_named_card, not_before=r"\w.-", not_after=r"\w-", preceded_by=CARD_WORDS),
    PiiPattern("ip", OCTETS, is_public_ip, not_before=r"\w.-", not_after=r"\w-"),
    PiiPattern(
        "ip",
        rf"(?:{HEX}:){{7}}{HEX}|(?:{HEX}:){{2,6}}(?::{HEX}){{1,5}}",
        is_public_ip,
        not_before=r"\w:.",
        not_after=r"\w:",
    ),
    PiiPattern("phone", rf"\+[1-9]\d{{0,2}}[ .-]?{NATIONAL}{EXTENSION}", is_phone_number, not_before=r"\w+.-"),
    PiiPattern("phone", rf"00[1-9]\d{{0,2}}[ .-]{NATIONAL}{EXTENSION}", is_foreign_number, not_before=r"\w+.-"),
    PiiPattern("phone", rf"\(\d{{2,4}}\) ?\d{{3,4}}[ -]\d{{3,4}}{EXTENSION}", is_phone_number),
    PiiPattern("phone", AMERICAN + EXTENSION, is_phone_number, not_before=r"\w.-", not_after=r"\w."),
    PiiPattern("phone", CHINESE, is_phone_number, not_before="0-9A-Za-z.-", not_after="0-9A-Za-z-"),
    PiiPattern("phone", GROUPS + EXTENSION, is_phone_number, not_before=r"\w.-", preceded_by=PHONE_WORDS),
    PiiPattern("phone", GROUPS, is_phone_number, not_before=r"\w.-", followed_by=PHONE_WORDS_AFTER),
)
KINDS = tuple(dict.fromkeys(form.kind for form in PATTERNS))
