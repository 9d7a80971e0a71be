import pytest

from storage.kafka_connection import KafkaConnection, KafkaConnectionError

SCRAM = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "processor",
    "KAFKA_SASL_PASSWORD": "secret",
    "KAFKA_SSL_CAFILE": "/run/secrets/ca.pem",
}


def test_scram_is_the_default_of_sasl():
    connection = KafkaConnection.from_environment("a:1,b:2", SCRAM)
    assert connection.options("me") == {
        "bootstrap_servers": ["a:1", "b:2"],
        "client_id": "me",
        "reconnect_backoff_max_ms": 1000,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "processor",
        "sasl_plain_password": "secret",
        "ssl_cafile": "/run/secrets/ca.pem",
    }


def test_secrets_are_never_printed():
    assert "secret" not in repr(KafkaConnection.from_environment("a:1", SCRAM))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"KAFKA_SASL_PASSWORD": ""}, "needs KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL='TLS' is not one of"),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM='GSSAPI' is not one of"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    with pytest.raises(KafkaConnectionError, match=said):
        KafkaConnection.from_environment("a:1", SCRAM | change)
