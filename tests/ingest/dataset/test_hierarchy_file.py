from __future__ import annotations

from pathlib import Path

import pytest

from ingest.dataset.errors import Problems
from ingest.dataset.hierarchy import HierarchySpec
from ingest.dataset.hierarchy_file import read_hierarchy

HEAD = 'timezone = "UTC"\nstep = "PT1H"\n'
ROOT = '[[node]]\nid = "all"\nlevel = "total"\n'


def read(folder: Path, text: str) -> tuple[HierarchySpec | None, str]:
    (folder / "hierarchy.toml").write_text(text)
    problems = Problems()
    spec = read_hierarchy(folder, problems)
    return spec, "\n".join(str(problem) for problem in problems.listed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version = [", "not TOML"),
        ('step = "PT1H"\n' + ROOT, "there is no timezone"),
        ('timezone = "Mars/Base"\nstep = "PT1H"\n' + ROOT, "'Mars/Base' is not known"),
        ('timezone = "UTC"\n' + ROOT, "there is no step"),
        ('timezone = "UTC"\nstep = "1 hour"\n' + ROOT, "'1 hour' cannot be used"),
        ('timezone = "UTC"\nstep = "PT7H"\n' + ROOT, "PT7H does not divide a day"),
        (HEAD, "there is no node"),
        ("nodes = 1\n" + HEAD + ROOT, "did you mean 'node'?"),
        (HEAD + ROOT + 'parents = "x"\n', "did you mean 'parent'?"),
        (HEAD + '[[node]]\nid = 5\nlevel = "total"\n', "number 1: id is 5"),
        (HEAD + ROOT + ROOT, "node 'all' appears twice"),
        (HEAD + ROOT + ROOT.replace("all", "rest"), "2 nodes have no parent (all, rest)"),
        (HEAD + ROOT + '[[node]]\nid = "a"\nlevel = "x"\nparent = "al"\n', "did you mean 'all'?"),
        (HEAD + ROOT + "stations = { a = inf }\n", "weight of station 'a' is inf"),
        (HEAD + ROOT + "stations = { a = -1 }\n", "weight of station 'a' is -1"),
        (HEAD + ROOT + "stations = 3\n", "stations is 3"),
        (
            HEAD
            + '[[node]]\nid = "a"\nlevel = "x"\nparent = "b"\n'
            + '[[node]]\nid = "b"\nlevel = "x"\nparent = "a"\n',
            "nodes are their own ancestors: a -> b -> a",
        ),
    ],
)
def test_what_is_wrong_with_a_hierarchy_is_told(tmp_path: Path, text: str, expected: str) -> None:
    spec, message = read(tmp_path, text)
    assert spec is None
    assert message.startswith("hierarchy.toml: ") and expected in message


def test_a_tree_of_one_node_is_its_own_bottom(tmp_path: Path) -> None:
    spec, message = read(tmp_path, HEAD + ROOT)
    assert spec is not None and message == ""
    assert (spec.root, spec.bottom) == ("all", ("all",))


def test_a_fixed_offset_is_a_timezone(tmp_path: Path) -> None:
    spec, _ = read(tmp_path, 'timezone = "Etc/GMT+5"\nstep = "PT15M"\n' + ROOT)
    assert spec is not None and spec.timezone == "Etc/GMT+5"


def test_an_unnamed_node_takes_all_stations_below_it_child_by_child(tmp_path: Path) -> None:
    text = HEAD + ROOT
    text += '[[node]]\nid = "a"\nlevel = "x"\nparent = "all"\nstations = { s = 1, t = 1 }\n'
    text += '[[node]]\nid = "b"\nlevel = "x"\nparent = "all"\nstations = { t = 5 }\n'
    spec, _ = read(tmp_path, text)
    assert spec is not None
    assert spec.stations_of("all") == {"s": 0.25, "t": 0.75}
