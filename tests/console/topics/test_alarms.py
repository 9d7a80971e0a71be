"""What an operator sees of alarms and does about them, from the command line into the alarm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from records.alarm import Alarm, decode_alarm
from records.log import Outgoing, Partition
from records.operator_act import OperatorAct, decode_act
from records.tick import TICK_TYPE
from records.time import HOUR, MINUTE, format_time
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from stream.stage import Outcome
from tests.stream.alarm_log import ACTS, ALARMS, PARTITIONS, T0, Log, quiet

SPACE = ("--namespace", "test")


class Run:
    """An alarm stage whose alarms are in an embedded log, and who writes the ticks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._log, self._stage = Log(), quiet(acts=True)
        self._state = self._stage.initial([*PARTITIONS, Partition(ACTS, 0)])
        self._taken = 0
        self.gateway = EmbeddedLogWriter(directory / "log")
        self.gateway.share(ACTS, [0])
        self._alarms = EmbeddedLogWriter(directory / "log")

    def cut(self, number: int, scale: float) -> list[Alarm]:
        """Bring a state and what else completes a cut, with what operators did until then."""
        tick = self._log.tick(number)
        self.gateway.append([Outgoing(ACTS, 0, tick.value, tick.key, tick.headers)])
        self.gateway.flush()
        told: list[Outcome] = []
        records = [self._log.state(number, {1: scale}), *self._log.views(number)]
        for record in [*records, *self._new()]:
            self._state, outcomes = self._stage.step(self._state, record)
            told += outcomes
        alarms = [o for o in told if isinstance(o, Outgoing) and o.topic == ALARMS]
        self._alarms.append(alarms)
        self._alarms.flush()
        return [decode_alarm(each.value) for each in alarms]

    def _new(self) -> Any:
        with EmbeddedLogReader(self.directory / "log") as reader:
            records = reader.read(Partition(ACTS, 0), self._taken, 100)
        self._taken += len(records)
        return records

    def acts(self) -> list[OperatorAct]:
        with EmbeddedLogReader(self.directory / "log") as reader:
            records = reader.read(Partition(ACTS, 0), 0, 100)
        return [decode_act(r.value) for r in records if r.headers["ce_type"] != TICK_TYPE]

    def close(self) -> None:
        self.gateway.close()
        self._alarms.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    run.close()


def test_an_acknowledgement_from_the_command_line_is_in_the_alarm(made: Run, gridcast: Any) -> None:
    made.cut(0, 1.3)
    here = (*SPACE, "--directory", str(made.directory))
    ended = gridcast("alarms", "acknowledge", "branch:1", "--by", "Ana", "--note", "seen", *here)
    assert ended.code == 0, ended.err
    (alarm,) = made.cut(1, 1.3)
    assert (alarm.acknowledged, alarm.acknowledged_by) == (T0, "Ana")
    assert [(act.act, act.operator, act.note) for act in alarm.trail] == [
        ("acknowledge", "Ana", "seen")
    ]
    again = gridcast("alarms", "acknowledge", "branch:1", "--by", "Bo", *here)
    assert again.code == 2 and "already" in again.err
    assert len(made.acts()) == 1


def test_a_shelved_alarm_leaves_the_list_until_it_is_taken_back(
    made: Run, gridcast: Any, tmp_path: Path
) -> None:
    made.cut(0, 1.3)
    here = (*SPACE, "--directory", str(made.directory))
    out = tmp_path / "alarms.json"

    def listed(*options: str) -> list[dict[str, Any]]:
        ended = gridcast("alarms", "list", "--json", str(out), *options, *here)
        assert ended.code == 0, ended.err
        alarms: list[dict[str, Any]] = json.loads(out.read_text())["alarms"]
        return alarms

    assert [alarm["element"] for alarm in listed()] == ["branch:1"]
    shelve = ("alarms", "shelve", "branch:1", "--for", "PT2H", "--by", "Ana")
    assert gridcast(*shelve, *here).code == 0
    made.cut(1, 1.3)
    assert listed() == []
    (alarm,) = listed("--all")
    assert (alarm["shelved_until"], alarm["shelved_by"]) == (format_time(T0 + 2 * HOUR), "Ana")
    assert gridcast("alarms", "unshelve", "--cause", "branch:1", "--by", "Bo", *here).code == 0
    made.cut(2, 1.3)
    (alarm,) = listed()
    assert [(act["act"], act["operator"]) for act in alarm["trail"]] == [
        ("shelve", "Ana"),
        ("unshelve", "Bo"),
    ]


def test_what_comes_of_a_shelved_element_is_shelved_too(made: Run, gridcast: Any) -> None:
    made.cut(0, 1.0)
    here = (*SPACE, "--directory", str(made.directory))
    ended = gridcast("alarms", "shelve", "branch:1", "--by", "Ana", *here)
    assert ended.code == 0 and "what comes is shelved" in ended.out
    (alarm,) = made.cut(1, 1.3)
    assert (alarm.shelved_until, alarm.shelved_by) == (T0 + HOUR, "Ana")
    assert [act.act for act in alarm.trail] == ["shelve"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acknowledge", "branch:2", "--by", "Ana"), "no such alarm is active"),
        (("acknowledge", "--by", "Ana"), "--cause"),
        (("acknowledge", "branch:1", "--by", " "), "who stands for it"),
        (("acknowledge", "--cause", "bus:9", "--by", "Ana"), "there are: branch:1"),
        (("shelve", "branch:1", "--by", "Ana", "--for", "P31D"), "within 30 days"),
        (("shelve", "branch:1", "--by", "Ana", "--for", "8h"), "--for 8h"),
        (
            ("shelve", "branch:1", "--by", "A", "--for", "PT1H", "--until", "2014-11-10T01:00Z"),
            "exclude each other",
        ),
    ],
)
def test_what_cannot_be_done_leaves_nothing_behind(
    made: Run, gridcast: Any, arguments: tuple[str, ...], message: str
) -> None:
    made.cut(0, 1.3)
    ended = gridcast("alarms", *arguments, *SPACE, "--directory", str(made.directory))
    assert ended.code == 2 and message in " ".join(ended.err.split())
    assert made.acts() == []


def test_a_run_that_takes_no_acts_in_is_told_apart(gridcast: Any, tmp_path: Path) -> None:
    ended = gridcast("alarms", "shelve", "branch:1", "--by", "Ana", "--directory", str(tmp_path))
    assert ended.code == 2 and "operator_acts" in ended.err


def test_an_act_happens_after_the_alarm_that_it_is_about(made: Run, gridcast: Any) -> None:
    made.cut(0, 1.3)
    made.cut(1, 1.55)
    ended = gridcast(
        "alarms", "acknowledge", "branch:1", "--by", "Ana", *SPACE,
        "--directory", str(made.directory),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert [act.time for act in made.acts()] == [T0 + 5 * MINUTE]
