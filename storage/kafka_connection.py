"""How every client of ours reaches Apache Kafka: addresses, encryption, who we are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KafkaConnection", "KafkaConnectionError"]

_VARIABLES = {
    "KAFKA_SECURITY_PROTOCOL": "security_protocol",
    "KAFKA_SASL_MECHANISM": "sasl_mechanism",
    "KAFKA_SASL_USERNAME": "sasl_plain_username",
    "KAFKA_SASL_PASSWORD": "sasl_plain_password",
    "KAFKA_SSL_CAFILE": "ssl_cafile",
    "KAFKA_SSL_CERTFILE": "ssl_certfile",
    "KAFKA_SSL_KEYFILE": "ssl_keyfile",
}
_RECONNECT_MS = 1000
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaConnectionError(ValueError):
    """The environment does not describe a connection; the message names the variable."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Addresses and security of a Kafka cluster.

    Parameters
    ----------
    bootstrap_servers
        ``host:port``, several separated by commas.
    security
        Options as kafka-python names them; empty for plain text. Never printed.
    """

    bootstrap_servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    @staticmethod
    def from_environment(bootstrap_servers: str, variables: Mapping[str, str]) -> KafkaConnection:
        """Take the security options from variables named ``KAFKA_*``.

        Raises
        ------
        KafkaConnectionError
            When a variable has a value that is not known, or one that belongs to it is missing.

        Examples
        --------
        >>> KafkaConnection.from_environment("broker:9092", {}).security
        {}
        >>> KafkaConnection.from_environment("b:1", {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"})
        Traceback (most recent call last):
        ...
        storage.kafka_connection.KafkaConnectionError: KAFKA_SASL_MECHANISM is set, but ...
        """
        security = {
            option: variables[name] for name, option in _VARIABLES.items() if variables.get(name)
        }
        protocol = security.get("security_protocol", "PLAINTEXT")
        _one_of("KAFKA_SECURITY_PROTOCOL", protocol, _PROTOCOLS)
        sasl = protocol.startswith("SASL_")
        if not sasl and "sasl_mechanism" in security:
            raise KafkaConnectionError(
                "KAFKA_SASL_MECHANISM is set, but KAFKA_SECURITY_PROTOCOL is not SASL_SSL"
            )
        if sasl:
            security.setdefault("sasl_mechanism", "SCRAM-SHA-512")
            _one_of("KAFKA_SASL_MECHANISM", security["sasl_mechanism"], _MECHANISMS)
            for name in ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"):
                if _VARIABLES[name] not in security:
                    raise KafkaConnectionError(f"{protocol} needs {name}")
        return KafkaConnection(bootstrap_servers, security)

    def options(self, client_id: str) -> dict[str, object]:
        """Keyword arguments for any client of kafka-python."""
        return {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "client_id": client_id,
            # A broker that comes back is found within this, not within half a minute.
            "reconnect_backoff_max_ms": _RECONNECT_MS,
            **self.security,
        }


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise KafkaConnectionError(f"{name}={value!r} is not one of {', '.join(known)}")
