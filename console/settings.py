"""One typed tree of settings: choices from a TOML file, addresses and secrets from outside it.

Choices stand in ``gridcast.toml`` (or the file given with ``--config``); addresses and secrets
come from the environment, or from files of the same name under ``/run/secrets``. Whatever the
tree does not know is refused at the start.
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from console.errors import BadInputError

__all__ = [
    "CONFIG_FILE",
    "Addresses",
    "AlarmsSettings",
    "CheckpointSettings",
    "DeadlineSettings",
    "EstimationSettings",
    "ForecastSettings",
    "HistorianSettings",
    "KafkaSettings",
    "LoggingSettings",
    "MetricsSettings",
    "ScadaSettings",
    "Settings",
    "SwitchingSettings",
    "TwinInputSettings",
    "load_settings",
    "nanoseconds",
]

CONFIG_FILE = Path("gridcast.toml")

_SECRETS = Path("/run/secrets")

Duration = Annotated[timedelta, Gt(timedelta(0))]
"""A positive duration, in TOML as ISO 8601 text such as "PT5M"."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScadaSettings(_Section):
    """Scans, and how long what is missing may be replaced by what was."""

    scan_period: Duration = timedelta(seconds=30)
    """Time between two scans of one area."""
    allowed_disorder: Duration = timedelta(seconds=20)
    """How far the measurements of one partition may come out of order before a window closes."""
    disorder_by_source: dict[str, Duration] = {}
    """The same for single gateways, by the `source` of their frames."""
    source_silence: Duration = timedelta(seconds=60)
    """A gateway unheard for this and its disorder no longer holds windows open."""
    held_for: Duration = timedelta(minutes=15)
    """Age at which the typical value takes over from the last good one."""
    hot_retention: Duration = timedelta(hours=2)
    """How long windows stay in memory, where a late reading corrects them at once; later ones
    are made again from the historian."""


class SwitchingSettings(_Section):
    """A branch that opens or closes."""

    branch: str
    """Its id."""
    at: AwareDatetime
    """When, at a multiple of five minutes."""
    closed: bool = False


class TwinInputSettings(_Section):
    """What happens on the network twin."""

    breaker_status: bool = False
    """Telemeter whether branches are closed; where any is switched it is done anyway."""
    switchings: tuple[SwitchingSettings, ...] = ()


class ForecastSettings(_Section):
    """What is forecast, and how often."""

    step: Duration = timedelta(hours=1)
    horizon: Duration = timedelta(hours=48)
    """The longest lead."""
    cadence: Duration = timedelta(hours=1)
    """Event time between two issues."""
    mid_term: Literal["batched", "pygam"] = "batched"
    """Who fits the additive models: all series at once, or pyGAM series by series."""
    residual: Literal["batched", "statsmodels"] = "batched"
    """Who fits the residual models: all series at once, or statsmodels series by series."""

    @model_validator(mode="after")
    def _consistent(self) -> ForecastSettings:
        if self.horizon % self.step:
            raise ValueError(f"horizon {self.horizon} is not a multiple of step {self.step}")
        return self


class EstimationSettings(_Section):
    """How often the state of the network is estimated."""

    cadence: Duration = timedelta(minutes=5)
    """Event time between two estimates, and between two judgements of alarms."""
    stale: Duration = timedelta(minutes=5)
    """A view older than this counts as replaced values only."""


class AlarmsSettings(_Section):
    """Limits and what outages would overload."""

    screen_every: Annotated[int, Ge(1)] = 3
    """Every n-th estimate is screened for outages: each quarter of an hour by default."""
    ratings: Literal["mva", "a"] = "mva"
    """Whether ratings limit apparent power, or the current (A) at the voltage there is."""
    operator_acts: bool | None = None
    """Read acknowledgements and shelvings. Their topic must carry ticks, for alarms wait for it;
    where nothing is said that is so if the network twin sends, which ticks it."""


class DeadlineSettings(_Section):
    """When a forecast is late, in wall time after the inputs passed its issue time."""

    warning: Duration = timedelta(seconds=60)
    alarm: Duration = timedelta(minutes=3)
    silence: Duration = timedelta(minutes=10)
    """No input at all for this long raises the alarm too."""
    clear_after: Annotated[int, Ge(1)] = 2
    """Forecasts in a row that must be on time before an alarm is cleared."""

    @model_validator(mode="after")
    def _ordered(self) -> DeadlineSettings:
        if self.warning >= self.alarm:
            raise ValueError("warning must be shorter than alarm, or it could never come before")
        return self


class CheckpointSettings(_Section):
    """How state survives."""

    every: Duration = timedelta(seconds=5)
    durable: bool = False
    """Survive a power loss too (fsync), at the price of speed."""
    place: Literal["files", "topic"] = "files"
    """Where workers over Kafka keep them: under `directory`, or in a compacted topic, which a
    worker on another host finds too."""


class KafkaSettings(_Section):
    """How workers share a Kafka; addresses and credentials come from the environment."""

    session_timeout: Duration = timedelta(seconds=10)
    """Silence after which a group takes a worker for dead and gives its partitions to others."""


class HistorianSettings(_Section):
    """Where and how long what is recorded is kept, and how often it is put in order."""

    tidy_every: Duration = timedelta(minutes=10)
    """Small files are merged, and what is past its retention is deleted."""
    server_schema: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")] | None = None
    """On a server, the schema of its tables; by default named after the namespace."""
    retention: dict[str, Duration] = Field(default_factory=dict)
    """By class, for those that are to be kept otherwise than by default."""

    @model_validator(mode="after")
    def _known(self) -> HistorianSettings:
        if self.retention:
            from storage.historian_classes import HistoryClass

            unknown = set(self.retention) - set(HistoryClass)
            if unknown:
                known = ", ".join(HistoryClass)
                raise ValueError(f"no class {', '.join(sorted(unknown))}; there are {known}")
        return self


class MetricsSettings(_Section):
    """Prometheus endpoints on loopback, one a process, from `first_port` up."""

    enabled: bool = False
    first_port: Annotated[int, Ge(1024), Le(65_000)] = 9464


class LoggingSettings(_Section):
    """What the services write to their log files."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Addresses(BaseSettings):
    """Where the servers are; empty means gridcast brings its own."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    )

    kafka_bootstrap_servers: str | None = None
    redis_url: SecretStr | None = None
    historian_url: SecretStr | None = None
    """Of PostgreSQL; else the historian is kept in files."""


class Settings(_Section):
    """All choices, with their defaults."""

    namespace: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] = "demo"
    """Part of every topic name and Redis key."""
    directory: Path = Path("var/gridcast")
    """Holds the embedded log, Redis, the historian, checkpoints and service logs."""
    scada: ScadaSettings = ScadaSettings()
    forecast: ForecastSettings = ForecastSettings()
    estimation: EstimationSettings = EstimationSettings()
    alarms: AlarmsSettings = AlarmsSettings()
    twin: TwinInputSettings = TwinInputSettings()
    deadline: DeadlineSettings = DeadlineSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    kafka: KafkaSettings = KafkaSettings()
    historian: HistorianSettings = HistorianSettings()
    metrics: MetricsSettings = MetricsSettings()
    logging: LoggingSettings = LoggingSettings()
    addresses: Annotated[Addresses, Field(exclude=True)] = Field(default_factory=Addresses)
    """From the environment; never written to a file."""


def nanoseconds(duration: timedelta) -> int:
    """Length of a duration in ns, exactly.

    >>> nanoseconds(timedelta(minutes=5))
    300000000000
    """
    return duration // timedelta(microseconds=1) * 1_000


def load_settings(config: Path | None = None, **overrides: object) -> Settings:
    """Read the settings.

    Parameters
    ----------
    config
        TOML file; by default ``gridcast.toml`` in the working directory, if there is one.
    overrides
        Top-level settings given on the command line; None leaves the file's choice.

    Raises
    ------
    BadInputError
        When the file cannot be read, or has a key or a value that does not belong.
    """
    path = config or CONFIG_FILE
    if config is not None and not path.is_file():
        raise BadInputError(f"{path}: no such file; leave --config out to use the defaults")
    try:
        tree = tomllib.loads(path.read_text()) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not valid TOML: {error}") from None
    if "addresses" in tree:
        raise BadInputError(
            f"{path}: addresses and secrets do not belong in a file that is passed around; "
            "set KAFKA_BOOTSTRAP_SERVERS, REDIS_URL and HISTORIAN_URL in the environment"
        )
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate({**tree, **given, "addresses": Addresses()})
    except ValidationError as error:
        lines = "\n".join(f"  {_explained(entry)}" for entry in error.errors())
        raise BadInputError(
            f"{path}: {error.error_count()} setting(s) not usable\n{lines}"
        ) from None


def _explained(entry: Any) -> str:
    """One line a person can act on."""
    where = ".".join(str(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        known = _known_keys(entry["loc"][:-1])
        close = difflib.get_close_matches(str(entry["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(sorted(known))}"
        return f"{where}: unknown key; {hint}"
    message = entry["msg"].removeprefix("Value error, ")
    if "timedelta" in entry["type"] or "time_delta" in entry["type"]:
        message += '; write a duration such as "PT5M" or "PT1H30M"'
    return f"{where}: {message} (got {entry['input']!r})"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        inner = model.model_fields[str(part)].annotation
        assert isinstance(inner, type)
        model = inner
    return [name for name in model.model_fields if name != "addresses"]
