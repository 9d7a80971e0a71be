"""Checksums of Kafka batches are not left to Python."""

from __future__ import annotations

import crc32c
from kafka.record.util import calc_crc32c


def test_the_client_computes_checksums_natively() -> None:
    assert calc_crc32c.__defaults__ == (crc32c.crc32c,)
    # The check value of CRC-32C (RFC 3720, Castagnoli) over the nine digits.
    assert calc_crc32c(b"123456789") == 0xE3069283
