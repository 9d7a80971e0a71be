"""Meter documents: energies per period, in successive versions.

A version is (settlement run, document, revision); a reading can be withdrawn. A document may also
carry what registers read at an instant: the energy counted since a meter was set up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.time import DAY, is_time

__all__ = [
    "METER_TYPE",
    "MeterDocument",
    "MeterSeries",
    "RegisterReading",
    "decode_meter",
    "meter_record",
]

METER_TYPE = "gridcast.meter.read.v1"
_MAX_BYTES = 8 << 20
_MAX_READINGS = 500_000
_LONGEST_PERIOD = 31 * DAY


class MeterSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Readings of one meter, one entry a period.

    `start` labels each period (ns UTC); energies are non-negative MWh over the period, apart
    in each direction; None where the meter has no reading. A withdrawn reading takes back
    every earlier version of its period.
    """

    meter: str
    start: list[int]
    withdrawn_mwh: list[float | None]
    injected_mwh: list[float | None] | None = None
    withdrawn_reading: list[bool] | None = None


class RegisterReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the registers of one meter stood at, one entry an instant.

    `at` are instants (ns UTC); `withdrawn_mwh` and `injected_mwh` the energies counted up to
    then, MWh, not negative. A register that has no room for more starts again from zero at
    `rolls_over_mwh`; without it a register that falls is not believed.
    """

    meter: str
    at: list[int]
    withdrawn_mwh: list[float]
    injected_mwh: list[float] | None = None
    rolls_over_mwh: float | None = None


class MeterDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document of one settlement run.

    Parameters
    ----------
    area
        Area number, the partition it travels on.
    document
        The issuer's document id.
    run
        Settlement run: 0 provisional, higher is more final.
    revision
        Revision of this document within the run, from 1.
    period
        Length of every period, ns.
    available_at
        When the issuer made it known, ns UTC.
    registers
        Register readings; left out where there are none.
    """

    area: int
    source: str
    document: str
    run: int
    revision: int
    period: int
    available_at: int
    unit: str
    series: list[MeterSeries]
    registers: list[RegisterReading] | msgspec.UnsetType = msgspec.UNSET

    @property
    def register_readings(self) -> list[RegisterReading]:
        """Register readings, none where the document has none."""
        return [] if self.registers is msgspec.UNSET else self.registers


_DECODER = msgspec.json.Decoder(MeterDocument)


def meter_record(topic: str, document: MeterDocument) -> Outgoing:
    """Encode a document as a record of its area's partition."""
    headers = event_headers(
        METER_TYPE,
        document.source,
        event_id=f"{document.document}-{document.run}-{document.revision}",
        content_type="application/json",
    )
    value = msgspec.json.encode(document)
    return Outgoing(topic, document.area, value, str(document.area).encode(), headers)


def decode_meter(record: LogRecord) -> MeterDocument:
    """Read a document, or raise `RecordError`.

    An energy must come as MWh: a power reading submitted as energy is refused.
    """
    if len(record.value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(record.value)} bytes, at most {_MAX_BYTES}")
    try:
        document = _DECODER.decode(record.value)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.SCHEMA_MISMATCH, str(error)[:200]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if document.unit != "MWh":
        raise RecordError(Reason.SCHEMA_MISMATCH, f"unit {document.unit!r}: energies come as MWh")
    if document.area != record.partition:
        raise RecordError(
            Reason.WRONG_PARTITION, f"area {document.area} on partition {record.partition}"
        )
    if not 0 < document.period <= _LONGEST_PERIOD:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"period is {document.period} ns")
    if not (0 <= document.run < 2**31 and 1 <= document.revision < 2**31):
        raise RecordError(
            Reason.SCHEMA_MISMATCH, f"run {document.run}, revision {document.revision}"
        )
    registers = document.register_readings
    n_readings = sum(len(series.start) for series in document.series)
    if n_readings + sum(len(register.at) for register in registers) > _MAX_READINGS:
        raise RecordError(Reason.OVERSIZED, f"more than {_MAX_READINGS} readings")
    if not is_time(document.available_at):
        raise RecordError(
            Reason.TIME_OUT_OF_BOUNDS, f"available_at is {document.available_at}"[:200]
        )
    for series in document.series:
        _check(series)
    for register in registers:
        _check_register(register)
    return document


def _check(series: MeterSeries) -> None:
    n_readings = len(series.start)
    for column in (series.withdrawn_mwh, series.injected_mwh, series.withdrawn_reading):
        if column is not None and len(column) != n_readings:
            raise RecordError(Reason.SCHEMA_MISMATCH, f"{series.meter}: columns differ in length")
    _check_times(series.meter, series.start)
    _check_energies(series.meter, series.withdrawn_mwh)
    _check_energies(series.meter, series.injected_mwh or [])


def _check_register(register: RegisterReading) -> None:
    for column in (register.withdrawn_mwh, register.injected_mwh):
        if column is not None and len(column) != len(register.at):
            raise RecordError(Reason.SCHEMA_MISMATCH, f"{register.meter}: columns differ in length")
        _check_energies(register.meter, column or [])
    _check_times(register.meter, register.at)
    limit = register.rolls_over_mwh
    if limit is None:
        return
    highest = max([*register.withdrawn_mwh, *(register.injected_mwh or [])], default=0.0)
    if not (math.isfinite(limit) and highest < limit):
        raise RecordError(
            Reason.SCHEMA_MISMATCH,
            f"{register.meter}: a register at {highest} MWh that rolls over at {limit}",
        )


def _check_times(meter: str, times: Sequence[int]) -> None:
    if not all(map(is_time, times)):
        raise RecordError(
            Reason.TIME_OUT_OF_BOUNDS, f"{meter[:40]}: a time before 1970 or after 2116"
        )


def _check_energies(meter: str, energies: Sequence[float | None]) -> None:
    for energy in energies:
        if energy is not None and not (math.isfinite(energy) and energy >= 0):
            raise RecordError(
                Reason.SCHEMA_MISMATCH,
                f"{meter}: energy {energy} (registers count up, each direction apart)",
            )
