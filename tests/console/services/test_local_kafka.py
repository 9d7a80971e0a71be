"""What is said when Kafka cannot be had; the broker itself is under tests/system."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.services.local_kafka import (
    KAFKA_VERSION,
    KafkaUnavailableError,
    LocalKafka,
    obtain_jars,
)


def test_without_maven_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailableError, match=r"apt-get install .* maven"):
        obtain_jars(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_jars_in_the_cache_need_no_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    jars = tmp_path / f"kafka-{KAFKA_VERSION}"
    jars.mkdir()
    assert obtain_jars(tmp_path) == jars


def test_without_java_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailableError, match="Java 17"):
        LocalKafka(tmp_path / "node").start()
    assert not (tmp_path / "node").exists()


def test_an_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(KafkaUnavailableError, match=r"Java 17 .*11\.0\.2"):
        LocalKafka(tmp_path / "node").start()


def test_the_version_is_the_one_that_maven_is_asked_for() -> None:
    pom = Path(__file__).parents[3] / "console" / "services" / "kafka-pom.xml"
    assert f"<kafka.version>{KAFKA_VERSION}</kafka.version>" in pom.read_text()
