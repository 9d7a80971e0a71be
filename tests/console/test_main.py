"""The command as a whole: versions, endings, and a page that covers every command."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from console.commands import app
from console.errors import BadInputError, UnavailableError
from console.topics import topics
from ingest.dataset.errors import DatasetError, Problem

ROOT = Path(__file__).parents[2]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command a person may call, with its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        if not each.hidden:
            yield from commands(each, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_the_version_is_that_of_the_distribution(gridcast: Any) -> None:
    ended = gridcast("--version")
    assert ended.code == 0
    assert ended.out.split() == ["gridcast", importlib.metadata.version("gridcast")]


def test_without_arguments_the_help_is_shown(gridcast: Any) -> None:
    ended = gridcast()
    assert "Commands" in ended.out + ended.err


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_each_of_its_options_has_a_help_text(path: tuple[str, ...]) -> None:
    assert ALL[path].help
    for parameter in ALL[path].params:
        assert parameter.help, f"{' '.join(path)}: {parameter.name}"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_page_of_commands_covers_every_command_and_option(path: tuple[str, ...]) -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    sections = dict(re.findall(r"^### `gridcast ([^`]+)`\n(.*?)(?=^#|\Z)", page, re.M | re.S))
    assert " ".join(path) in sections
    for parameter in ALL[path].params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert f"`{option}" in sections[" ".join(path)] + _common(page), option


def _common(page: str) -> str:
    return page.split("## Common options", 1)[1].split("\n## ", 1)[0]


def test_a_misspelt_command_ends_with_2_and_a_proposal(gridcast: Any) -> None:
    ended = gridcast("topics", "reed", "forecast.v1")
    assert ended.code == 2
    assert "read" in ended.err


ENDINGS: list[tuple[BaseException, int, str]] = [
    (BadInputError("wrong unit"), 2, "gridcast: wrong unit"),
    (DatasetError((Problem("load.csv", 3, "no zone", "add Z"),)), 2, "load.csv, row 3: no zone"),
    (UnavailableError("no Redis"), 1, "gridcast: no Redis"),
    (ZeroDivisionError("oops"), 1, "internal error: ZeroDivisionError: oops"),
    (KeyboardInterrupt(), 130, "gridcast: stopped"),
    (SystemExit(143), 143, ""),
]


@pytest.mark.parametrize(("error", "code", "told"), ENDINGS)
def test_each_ending_has_its_code_and_message_and_no_traceback(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(topics, "load_settings", fail)
    ended = gridcast("topics", "list")
    assert ended.code == code
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_the_traceback_of_an_internal_error_is_shown_on_demand(
    gridcast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(topics, "load_settings", fail)
    monkeypatch.setenv("GRIDCAST_DEBUG", "1")
    assert "Traceback" in gridcast("topics", "list").err
