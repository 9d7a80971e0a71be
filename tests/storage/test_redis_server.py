import os
import signal
import stat
import subprocess
import sys

import pytest
import redis

from storage.redis_server import RedisServer, RedisUnavailableError, known_url, redis_running
from storage.writer_lock import WriterLockedError


def answers(url):
    client = redis.Redis.from_url(url)
    try:
        return client.ping()
    except redis.RedisError:
        return False
    finally:
        client.close()


def test_it_answers_while_it_runs_and_leaves_nothing_behind(tmp_path):
    with RedisServer(tmp_path) as server:
        assert answers(server.url)
        assert known_url(tmp_path, {}) == server.url
        pid, url = server.pid, server.url
    assert not answers(url)
    assert known_url(tmp_path, {}) is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nobody_enters_without_the_password_and_only_the_user_can_read_it(redis_url, tmp_path):
    address = redis_url.rpartition("@")[2]
    client = redis.Redis.from_url(f"redis://{address}")
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()
    with RedisServer(tmp_path):
        assert stat.S_IMODE((tmp_path / "redis.url").stat().st_mode) == 0o600


def test_it_keeps_nothing_on_disk_and_bounds_its_memory(client):
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("appendonly") == {"appendonly": "no"}
    assert client.config_get("maxmemory") == {"maxmemory": str(512 << 20)}


def test_a_server_left_by_a_killed_parent_is_reaped_at_the_next_start(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from storage.redis_server import RedisServer\n"
        "server = RedisServer(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, server.url, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    orphan, url = done.stdout.split()
    assert answers(url)
    with RedisServer(tmp_path) as server:
        assert not answers(url)
        assert server.pid != int(orphan)
        assert answers(server.url)


def test_a_process_that_merely_got_the_same_number_is_left_alone(tmp_path):
    (tmp_path / "redis.pid").write_text(f"{os.getpid()} 1")
    with RedisServer(tmp_path) as server:
        assert answers(server.url)


def test_one_server_a_directory(tmp_path):
    with RedisServer(tmp_path), pytest.raises(WriterLockedError, match="Redis"):
        RedisServer(tmp_path)


def test_redis_url_overrides_and_nothing_is_started(tmp_path, redis_url):
    with redis_running(tmp_path / "r", {"REDIS_URL": redis_url}) as url:
        assert url == redis_url
    assert not (tmp_path / "r").exists()
    assert known_url(tmp_path, {"REDIS_URL": redis_url}) == redis_url


def test_without_redis_url_one_is_started(tmp_path):
    with redis_running(tmp_path, {}) as url:
        assert answers(url)
    assert not answers(url)


def test_a_redis_url_where_nobody_answers_says_what_to_do(tmp_path):
    with (
        pytest.raises(RedisUnavailableError, match="unset REDIS_URL"),
        redis_running(tmp_path, {"REDIS_URL": "redis://127.0.0.1:1/0"}),
    ):
        pass
