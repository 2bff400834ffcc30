"""Gzip and zstd streams: complete, cut off, damaged, with the dictionary of a .warc.zst file."""

import gzip
import io
import struct
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from tasks.crawl.inputs import packing
from tasks.crawl.inputs.packing import (
    CHUNK_BYTES,
    DamagedData,
    PackedMembers,
    get_members,
    open_unpacked,
    strip_packed_suffix,
)

RECORDS = [f"record {n} ".encode() * (n % 40 + 1) for n in range(200)]
UNPACKED = b"".join(RECORDS)


def make_skippable_frame(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content


def compress_with_dictionary(packed: bool) -> bytes:
    trained = zstandard.train_dictionary(2000, RECORDS)
    content = trained.as_bytes()
    head = make_skippable_frame(0x184D2A5D, zstandard.compress(content) if packed else content)
    return head + b"".join(zstandard.ZstdCompressor(dict_data=trained).compress(record) for record in RECORDS)


FORMS = {
    "gzip": b"".join(gzip.compress(record) for record in RECORDS),
    "one gzip member": gzip.compress(UNPACKED),
    "padded gzip": gzip.compress(UNPACKED) + bytes(1000),
    "zstd": b"".join(zstandard.compress(record) for record in RECORDS),
    "one zstd frame of unknown size": zstandard.ZstdCompressor(write_content_size=False).compress(UNPACKED),
    "zstd between notes": b"".join([
        make_skippable_frame(0x184D2A50, b"note"), zstandard.compress(UNPACKED), make_skippable_frame(0x184D2A5F, b""),
    ]),
    "zstd with a dictionary": compress_with_dictionary(packed=False),
    "zstd with a packed dictionary": compress_with_dictionary(packed=True),
    "not packed": UNPACKED,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_unpacked(form: str) -> None:
    stream = open_unpacked(io.BytesIO(FORMS[form]))
    assert stream.read() == UNPACKED
    assert (get_members(stream) is None) == (form == "not packed")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "not packed"])
def test_a_cut_is_never_taken_for_the_end(form: str) -> None:
    packed = FORMS[form]
    for cut in range(5, len(packed), max(len(packed) // 150, 1)):
        try:
            content = open_unpacked(io.BytesIO(packed[:cut])).read()
        except DamagedData:
            continue
        assert content == UNPACKED or (UNPACKED.startswith(content) and ends_a_member(packed, cut)), cut


def ends_a_member(packed: bytes, cut: int) -> bool:
    """Tell whether a cut lies between two members, where nothing shows that the next one is missing."""
    return packed[cut:].startswith((b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5f\x2a\x4d\x18", b"\0"))


@pytest.mark.parametrize("form", ["gzip", "zstd", "zstd with a dictionary"])
def test_reading_goes_on_behind_damage(form: str) -> None:
    magic = b"\x1f\x8b\x08" if form == "gzip" else b"\x28\xb5\x2f\xfd"
    members = PackedMembers(io.BytesIO(FORMS[form]), magic)
    starts = {}
    while content := members.read(1 << 20):
        starts.setdefault(members.start, content)
    damaged = bytearray(FORMS[form])
    start = list(starts)[100]
    damaged[start + 5 : start + 12] = b"\xff" * 7
    stream = open_unpacked(io.BytesIO(bytes(damaged)))
    with pytest.raises(DamagedData, match="ends or breaks in the middle"):
        stream.read()
    assert stream.read() == b"".join(RECORDS[101:])


def test_a_bomb_grows_piece_by_piece() -> None:
    bomb = zstandard.compress(bytes(1 << 28))
    stream = open_unpacked(io.BytesIO(bomb))
    assert len(stream.read(1000)) == 1000
    assert len(get_members(stream).ready) <= CHUNK_BYTES // 4 * (128 << 10)


def test_kind_of_a_packed_name() -> None:
    assert [strip_packed_suffix(name) for name in ("a.warc.gz", "b.JSONL.ZST", "c.txt")] == [
        "a.warc",
        "b.JSONL",
        "c.txt",
    ]


def test_reading_on_behind_the_end_is_no_damage() -> None:
    for form in ("gzip", "zstd"):
        stream = open_unpacked(io.BytesIO(FORMS[form]))
        assert (stream.read(), stream.read(9), stream.read()) == (UNPACKED, b"", b"")


def compress_zeros(num_megabytes: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(num_megabytes)), packer.flush()])


def measure_peak(read: Callable[[], None]) -> int:
    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def read_behind_damage(packed: bytes, says: str) -> None:
    stream = open_unpacked(io.BytesIO(packed))
    members = get_members(stream)
    assert members is not None
    with pytest.raises(DamagedData, match=says):
        sum(map(len, iter(lambda: stream.read(1 << 20), b"")))
    assert members.read() == b"behind it"


@pytest.mark.parametrize("packed", [True, False])
def test_a_dictionary_that_is_a_bomb_costs_only_what_needs_it(packed: bool) -> None:
    dictionary = compress_zeros(200) if packed else bytes(packing.MAX_DICTIONARY_BYTES + 1)
    content = make_skippable_frame(0x184D2A5D, dictionary) + zstandard.compress(b"behind it")
    del dictionary
    peak = measure_peak(lambda: read_behind_damage(content, "dictionary has more than"))
    assert peak < 3 * packing.MAX_DICTIONARY_BYTES


def test_a_member_that_is_a_bomb_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MIN_BOMB_BYTES", 50_000_000)
    content = compress_zeros(100) + zstandard.compress(b"behind it")
    peak = measure_peak(lambda: read_behind_damage(content, "a packed member holds more than 50,000,000 bytes"))
    assert peak < 80_000_000


def test_a_window_that_would_take_gigabytes_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = packer.compress(UNPACKED) + packer.flush() + zstandard.compress(b"behind it")
    read_behind_damage(content, "it ends or breaks in the middle")
