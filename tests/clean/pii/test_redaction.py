"""Personal data: found where it is, left alone where it only looks like it, and treated as the settings say."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.clean.pii.patterns import KINDS, PATTERNS, is_iban, is_payment_card, is_resident_id
from tasks.clean.pii.redaction import Pii, find_personal_data, treat_texts


def find_spans(text: str) -> list[tuple[str, str]]:
    return [(match.kind, text[match.start : match.stop]) for match in find_personal_data(text, PATTERNS)]


def with_check_digit(digits: str) -> str:
    """Return the number with its check digit, which is the only one of eleven that is valid."""
    return next(digits + check for check in "0123456789X" if is_resident_id(digits + check))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+news@mail.uni-bonn.de.", ("email", "jane.doe+news@mail.uni-bonn.de")),
        ("联系我:zhang_wei@qq.com。", ("email", "zhang_wei@qq.com")),
        ("from 81.2.69.142 at noon", ("ip", "81.2.69.142")),
        ("peer 2a02:cf40::9d21:77", ("ip", "2a02:cf40::9d21:77")),
        ("ring +49 228 73-3210 now", ("phone", "+49 228 73-3210")),
        ("(212) 555-0187", ("phone", "(212) 555-0187")),
        ("0041 44 268 12 34", ("phone", "0041 44 268 12 34")),
        ("手机13812345678,", ("phone", "13812345678")),
        ("电话:010-62512345", ("phone", "010-62512345")),
        ("Phone:\n60-56-85-91", ("phone", "60-56-85-91")),
        ("416 60 039 office", ("phone", "416 60 039")),
        ("paid with 4111 1111 1111 1111.", ("card", "4111 1111 1111 1111")),
        ("amex 378282246310005", ("card", "378282246310005")),
        ("IBAN DE89 3704 0044 0532 0130 00", ("iban", "DE89 3704 0044 0532 0130 00")),
        ("gb82west12345698765432", ("iban", "gb82west12345698765432")),
        (f"身份证号{with_check_digit('11010519491231002')}", ("resident_id", with_check_digit("11010519491231002"))),
        ("key AKIAIOSFODNN7EXAMPLE", ("secret", "AKIAIOSFODNN7EXAMPLE")),
        ("api_key = 'f83jd93KD02kdk29dkE0d'", ("secret", "'f83jd93KD02kdk29dkE0d'")),
        ("-----BEGIN RSA PRIVATE KEY-----\n" + "Ab3+/" * 20 + "\n-----END RSA PRIVATE KEY-----", ("secret", None)),
    ],
)  # fmt: skip
def test_found(text: str, expected: tuple[str, str | None]) -> None:
    kind, expected_text = expected
    assert find_spans(text) == [(kind, expected_text or text)]


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com and x@sub.example.org are for examples",
        "logo@2x.png", "git@github.com:me/it.git", "getty@tty1.service",
        "127.0.0.1, 10.1.2.3, 192.168.0.1, 203.0.113.9 name nobody",
        "version 1.2.3.4 of 999.1.2.3", "a[1::2] and 12:34:56 and std::vector::size", "fe80::1",
        "4111 1111 1111 1112 has a wrong check digit", "DE89370400440532013001", "110105194912310021",
        "In 2004-04-16 11:34:35 there were 1234567890 of them", "pp. 171-184 (1982) 171-184", "3.14159265358979",
        "password = 'your-password-goes-here'", "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "ISBN 978-3-16-148410-0",
        "00000000", "1111111111", "0020-0190",
    ],
)  # fmt: skip
def test_left_alone(text: str) -> None:
    assert find_spans(text) == []


def test_every_wrong_digit_is_noticed() -> None:
    for correct, is_valid in (
        ("4111111111111111", is_payment_card),
        (with_check_digit("44030119900307123"), is_resident_id),
    ):
        assert is_valid(correct)
        for position, digit in enumerate(correct[:16]):
            wrong = f"{correct[:position]}{(int(digit) + 1) % 10}{correct[position + 1 :]}"
            assert not is_valid(wrong), wrong
    assert is_iban("CH9300762011623852957")
    assert not is_iban("CH9300762011623852975"), "two digits changed places"


TEXTS = pl.Series(["Ask eva@uni.de or 81.2.69.142.", "nothing here", "api_key: 'f83jd93KD02kdk29dkE0d'", ""])


def test_placeholders_cuts_and_counts() -> None:
    treated = treat_texts(TEXTS, Pii(ip="remove"))
    assert treated.texts.to_list() == ["Ask <EMAIL> or .", "nothing here", "api_key: <SECRET>", ""]
    assert not treated.drops.any()
    assert treated.counts == {**dict.fromkeys(KINDS, 0), "email": 1, "ip": 1, "secret": 1}


def test_documents_go_and_kinds_stay_by_setting() -> None:
    treated = treat_texts(TEXTS, Pii(email="drop", secret="keep"))
    assert treated.drops.to_list() == [True, False, False, False]
    assert treated.texts.to_list() == TEXTS.to_list()
    assert "secret" not in treated.counts
    unchanged = treat_texts(TEXTS, Pii(**dict.fromkeys(KINDS, "keep")))
    assert unchanged.texts.to_list() == TEXTS.to_list()
    assert unchanged.counts == {}


def test_a_column_finds_what_single_texts_do() -> None:
    """The shapes that search whole columns miss nothing that the patterns find."""
    cases = [case for mark in (test_found, test_left_alone) for case in mark.pytestmark[0].args[1]]  # type: ignore[attr-defined]
    texts = [case if isinstance(case, str) else case[0] for case in cases]
    one_by_one = [bool(find_personal_data(text, PATTERNS)) for text in texts]
    as_a_column = treat_texts(pl.Series(texts), Pii(**dict.fromkeys(KINDS, "drop"))).drops.to_list()
    assert as_a_column == one_by_one


def test_long_strange_texts_take_no_time() -> None:
    for text in ("1-" * 50_000, "a@" * 50_000, "+1 " * 30_000, "::" * 50_000, "tel " + "(1" * 50_000, "A1 " * 30_000):
        treat_texts(pl.Series([text]), Pii())


def test_on_synthetic_texts_with_gold_spans(shared: Callable[[str], Path]) -> None:
    rows = json.loads((shared("presidio-synth") / "synth_dataset_v2.json").read_text())
    emails = [span for row in rows for span in row["spans"] if span["entity_type"] == "EMAIL_ADDRESS"]
    hits = sum(match.kind == "email" for row in rows for match in find_personal_data(row["full_text"], PATTERNS))
    assert hits == len(emails)
