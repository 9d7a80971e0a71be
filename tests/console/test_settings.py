"""Settings: what is taken from where, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.errors import BadInputError
from console.services.run_file import RunFile
from console.services.scenario import DEMO_START
from console.services.stages import area_settings
from console.settings import Settings, load_settings, nanoseconds
from records.time import SECOND


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HISTORIAN_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("settings.toml")
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.namespace == "demo"
    assert settings.scada.scan_period == timedelta(seconds=30)
    assert settings.addresses.redis_url is None


def test_the_file_in_the_working_directory_is_read_unasked() -> None:
    Path("gridcast.toml").write_text('namespace = "live"')
    assert load_settings().namespace == "live"


def test_durations_are_timedeltas() -> None:
    settings = load_settings(written('[forecast]\nhorizon = "P3D"\ncadence = "PT30M"'))
    assert settings.forecast.horizon == timedelta(days=3)
    assert nanoseconds(settings.forecast.cadence) == 1_800_000_000_000


def test_the_area_stage_waits_for_each_gateway_as_long_as_the_settings_say() -> None:
    text = '[scada]\nsource_silence = "PT45S"\n[scada.disorder_by_source]\n"far away" = "PT2M"'
    run = RunFile(
        settings=load_settings(written(text)), start=DEMO_START, days=1, seed=1, speed=None
    )
    disorder = area_settings(run).disorder
    assert (disorder.of("near"), disorder.of("far away")) == (20 * SECOND, 120 * SECOND)
    assert disorder.silence == 45 * SECOND


def test_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@example:6379/0")
    monkeypatch.setenv("HISTORIAN_URL", "postgresql://grid:secret@example/history")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "example:9092")
    settings = load_settings()
    assert settings.addresses.kafka_bootstrap_servers == "example:9092"
    assert settings.addresses.redis_url is not None
    assert settings.addresses.redis_url.get_secret_value().startswith("redis://:secret@")
    assert settings.addresses.historian_url is not None
    assert "secret" not in repr(settings)
    assert "secret" not in settings.model_dump_json()


def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    assert load_settings().addresses.kafka_bootstrap_servers is None


def test_the_command_line_wins_over_the_file() -> None:
    assert load_settings(written('namespace = "a"'), namespace="b").namespace == "b"
    assert load_settings(written('namespace = "a"'), namespace=None).namespace == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[forecast]\ncadense = 'PT1H'", r"forecast\.cadense: unknown key; did you mean cadence\?"),
        ("nonsense = 1", r"nonsense: unknown key; known here: .*namespace"),
        ("[forecast]\ncadence = 'hourly'", r'forecast\.cadence: .*such as "PT5M"'),
        ("[logging]\nformat = 'xml'", r"logging\.format: .*'json'.*got 'xml'"),
        ("[forecast]\nhorizon = 'PT90M'", r"horizon 1:30:00 is not a multiple"),
        ("[deadline]\nwarning = 'PT1H'", "warning must be shorter than alarm"),
        ("[historian]\nserver_schema = 'a;b'", r"historian\.server_schema: "),
        ("namespace = 'Upper Case'", "namespace: "),
        ("[scada", "not valid TOML"),
        (
            "[addresses]\nredis_url = 'x'",
            "set KAFKA_BOOTSTRAP_SERVERS, REDIS_URL",
        ),
    ],
)
def test_what_does_not_belong_is_refused_with_a_way_out(text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=f"(?s){message}"):
        load_settings(written(text))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInputError, match=r"absent\.toml: no such file"):
        load_settings(Path("absent.toml"))


def test_settings_survive_the_way_to_another_process() -> None:
    settings = load_settings(written('namespace = "live"\n[scada]\nheld_for = "PT20M"'))
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
