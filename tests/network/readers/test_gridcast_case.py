import numpy as np
import pytest

from network.errors import BadCase
from network.model import Network
from network.readers.gridcast_case import network_from_toml, network_toml


def test_a_network_comes_back_as_it_was_written(three_buses: Network) -> None:
    back = network_from_toml(network_toml(three_buses))
    assert (back.name, back.base_mva) == (three_buses.name, three_buses.base_mva)
    for table in ("buses", "branches", "generators", "loads"):
        before, after = getattr(three_buses, table), getattr(back, table)
        for column in before.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(after, column), getattr(before, column))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('format = "gridcast.network.v1"', "", "format None"),
        ("base_mva = 100.0", "base_mva = 0", "base_mva"),
        ("base_kv", "base_kw", r"'buses' has unknown columns \['base_kw'\]"),
        ('from_bus = ["10"', 'from_bus = ["11"', r"'from_bus': no such buses: \['11'\]"),
        ('"slack"', '"swing"', "column 'kind'"),
        ("x_pu = [0.1, ", "x_pu = [", "differ in length"),
        ("[buses]", "[buses", "not a TOML document"),
    ],
)
def test_a_broken_document_says_what_is_wrong(
    three_buses: Network, old: str, new: str, message: str
) -> None:
    text = network_toml(three_buses)
    assert old in text
    with pytest.raises(BadCase, match=message):
        network_from_toml(text.replace(old, new))
