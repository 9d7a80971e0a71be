"""The pages for operators and contributors keep up with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel

from console.settings import Addresses, Settings
from storage import kafka_connection

ROOT = Path(__file__).parents[1]


def test_every_setting_is_in_the_page_of_operations() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.M))
    known = set()
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if name == "addresses":
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known |= {f"{name}.{inner}" for inner in kind.model_fields}
        else:
            known.add(name)
    assert listed == known


def test_every_variable_is_in_the_page_of_operations() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    source = Path(kafka_connection.__file__).read_text()
    variables = set(re.findall(r'"(KAFKA_[A-Z_]+)": ', source))
    variables |= {name.upper() for name in Addresses.model_fields}
    for variable in variables:
        assert f"`{variable}`" in page, variable


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = list(project["project"]["dependencies"])
    for group in project["project"]["optional-dependencies"].values():
        requirements += group
    for group in project["dependency-groups"].values():
        requirements += group
    page = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text()
    rows = " ".join(line for line in page.splitlines() if line.startswith("|"))
    for requirement in requirements:
        name = re.split(r"[<>=\[ ]", requirement)[0]
        assert re.search(rf"[| ]{re.escape(name)}[\[ ,(]", rows), f"{name} has no line of reason"


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = {path.name for path in folder.glob("0*.md")}
    assert set(re.findall(r"\]\((0[^)]+\.md)\)", index)) == pages
