"""What personal data looks like: for every kind the forms it takes, and a check of what is found.

The shapes are written for two engines: a shape alone is searched by polars in whole columns, fast and without
looking around; Python's `re` then finds the places in the few texts that hold one.
"""

import functools
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

# RFC 2606 keeps these names for examples; nobody lives there.
EXAMPLES = re.compile(
    r"(?i)@(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|(?:[\w-]+\.)?(?:example|test|invalid|localhost))$"
)
NO_DOMAIN = re.compile(r"(?i)\.(?:png|jpe?g|gif|svg|webp|js|css|html?|py|json|service|socket|target|mount)$")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291, 2.4
MOST_OF_A_VERSION = 20
# GB/T 2260: the first two digits of a place in China, by region.
PLACES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83), (91, 91))
PROVINCES = frozenset(number for first, last in PLACES for number in range(first, last + 1))
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"
# ISO/IEC 7812 issuer ranges and their lengths: Visa, Mastercard, American Express, Discover, Diners Club, JCB,
# UnionPay, Maestro.
ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d{2})\d{12,15}|3(?:0[0-5]|[689]\d)\d{11,16}|35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11}"
    r"|62\d{14,17}|(?:5[0678]|6\d)\d{10,17}"
)
YEAR = re.compile(r"\((?:1[89]|20)\d\d\)")  # `(1982) 171-184` are pages of a journal
# What is said before, or after, a number that has no form of its own.
CALLED = (
    r"(?i:\b(?:(?:tele)?phone|mobile|cell|call(?:ed|ing)?|fax|tel|whatsapp|text(?:ed|ing)?|sms|messages?|dial|ring|"
    r"reach|answer(?:ed|ing)?|registered|office|desk|hotline)\b|电话|手机|传真|致电|拨打|联系方式)"
)
CALLED_AFTER = r"[ -]{1,3}(?i:office|fax|mobile|cell|desk|home)\b"
PAID = r"(?i:\b(?:card|visa|mastercard|amex|cc)\b|卡号)"


@dataclass(frozen=True)
class Form:
    """One form of a kind of personal data.

    `before` and `after` are characters that must not touch it, `introduced` is what must stand at most 24 characters
    before it, `followed` what must come next.
    """

    kind: str
    shape: str
    holds: Callable[[str], bool]
    before: str = r"\w"
    after: str = r"\w"
    introduced: str = ""
    followed: str = ""

    @property
    def search(self) -> str:
        """For a whole column: finds every text that holds one, and some that do not."""
        return (rf"{self.introduced}[^\d]{{0,24}}" if self.introduced else "") + f"(?:{self.shape}){self.followed}"

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """For one text: the group `it` is the data itself."""
        place = rf"(?<![{self.before}])(?P<it>{self.shape})(?![{self.after}])(?={self.followed})"
        return re.compile(rf"{self.introduced}[^\d]{{0,24}}?{place}" if self.introduced else place)


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def is_mailbox(text: str) -> bool:
    """An e-mail address of somebody: no example, no file name, no `git@host`."""
    return not (
        EXAMPLES.search(text) or NO_DOMAIN.search(text) or text.startswith(("git@", "hg@", "svn@")) or ".." in text
    )


def is_public(text: str) -> bool:
    """An address on the internet; loopback, private and documentation ranges name nobody (RFC 6890)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        # four small numbers are a version or a section
        return address.is_global and not address.is_multicast and max(address.packed) >= MOST_OF_A_VERSION
    # `1::2` is a slice of a list far more often than an address
    return not address.is_private and ("::" not in text or address in GLOBAL_UNICAST)


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (sum(doubled) + sum(map(int, number[::-2]))) % 10 == 0


def is_card(text: str) -> bool:
    """A payment card: an issuer's range and length, and the check digit."""
    number = digits(text)
    return bool(ISSUERS.fullmatch(number)) and luhn(number) and len(set(number)) > 1


def is_checked(text: str) -> bool:
    """Something that the text calls a card, of any issuer."""
    return luhn(digits(text))


def is_iban(text: str) -> bool:
    """ISO 13616: remainder 1 of 97 when letters count from 10 and the first four characters come last."""
    plain = text.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def is_resident(text: str) -> bool:
    """GB 11643-1999: a province, a date of birth, and a check digit by ISO 7064 MOD 11-2."""
    if int(text[:2]) not in PROVINCES:
        return False
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(RESIDENT_WEIGHTS, text[:17], strict=True))
    return RESIDENT_CHECKS[total % 11] == text[17].upper()


def is_number(text: str) -> bool:
    """ITU-T E.164: at most 15 digits, and nobody is reached by fewer than 7."""
    number = digits(text)
    return 7 <= len(number) <= 15 and len(set(number)) > 2 and not YEAR.match(text)


def is_abroad(text: str) -> bool:
    """The same after the prefix 00: shorter ones are numbers with leading zeros."""
    return is_number(text[2:]) and len(digits(text)) >= 12


def is_random(text: str) -> bool:
    """A key holds letters and digits in disorder; a placeholder such as `your-api-key-goes-here` does not."""
    value = text.strip("'\"")
    return len(set(value)) >= 10 and any(each.isdigit() for each in value) and any(each.isalpha() for each in value)


def always(_text: str) -> bool:
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
ASSIGNED = r"(?i:api[_-]?key|secret|token|passw(?:or)?d|access[_-]?key)[\w-]{0,20}['\"]?\s*[:=]"
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
# In order: what an earlier form claims, a later one leaves alone.
FORMS = (
    Form("secret", "|".join(KEYS), always, before="0-9A-Za-z_", after="0-9A-Za-z_"),
    Form("secret", r"""['"][0-9A-Za-z_+/=.-]{20,200}['"]""", is_random, introduced=ASSIGNED),
    Form("email", EMAIL, is_mailbox, before="0-9A-Za-z._%+/@-", after="0-9A-Za-z@"),
    Form("iban", IBAN, is_iban),
    Form("resident_id", RESIDENT, is_resident, before="0-9A-Za-z.", after="0-9A-Za-z"),
    Form("card", CARD, is_card, before=r"\w.-", after=r"\w-"),
    Form("card", CARD, is_checked, before=r"\w.-", after=r"\w-", introduced=PAID),
    Form("ip", OCTETS, is_public, before=r"\w.-", after=r"\w-"),
    Form("ip", rf"(?:{HEX}:){{7}}{HEX}|(?:{HEX}:){{2,6}}(?::{HEX}){{1,5}}", is_public, before=r"\w:.", after=r"\w:"),
    Form("phone", rf"\+[1-9]\d{{0,2}}[ .-]?{NATIONAL}{EXTENSION}", is_number, before=r"\w+.-"),
    Form("phone", rf"00[1-9]\d{{0,2}}[ .-]{NATIONAL}{EXTENSION}", is_abroad, before=r"\w+.-"),
    Form("phone", rf"\(\d{{2,4}}\) ?\d{{3,4}}[ -]\d{{3,4}}{EXTENSION}", is_number),
    Form("phone", AMERICAN + EXTENSION, is_number, before=r"\w.-", after=r"\w."),
    Form("phone", CHINESE, is_number, before="0-9A-Za-z.-", after="0-9A-Za-z-"),
    Form("phone", GROUPS + EXTENSION, is_number, before=r"\w.-", introduced=CALLED),
    Form("phone", GROUPS, is_number, before=r"\w.-", followed=CALLED_AFTER),
)
KINDS = tuple(dict.fromkeys(form.kind for form in FORMS))
