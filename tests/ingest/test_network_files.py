from pathlib import Path

import numpy as np
import pytest

from ingest.network_files import read_case, write_case
from network.errors import BadCase

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("target", ["case.toml", "case"])
def test_a_case_written_in_our_format_reads_back(tmp_path: Path, target: str) -> None:
    network = read_case(GOLDEN / "ieee14.m")
    write_case(network, tmp_path / target)
    back = read_case(tmp_path / target)
    assert back.name == "ieee14"
    assert back.buses.id.tolist() == network.buses.id.tolist()
    np.testing.assert_array_equal(back.branches.x_pu, network.branches.x_pu)
    np.testing.assert_array_equal(back.branches.rate_mva, network.branches.rate_mva)


def test_a_published_case_is_read_by_name() -> None:
    pytest.importorskip("pandapower", reason="needs pandapower, the 'demo' extra")
    assert read_case("pandapower:case118").n_bus == 118


def test_a_message_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "bad.m").write_text("mpc.baseMVA = 100;")
    (tmp_path / "bad.xyz").write_text("")
    with pytest.raises(BadCase, match=r"bad\.m: .* no matrix 'bus'"):
        read_case(tmp_path / "bad.m")
    with pytest.raises(BadCase, match=r"bad\.xyz: no reader for \.xyz"):
        read_case(tmp_path / "bad.xyz")
    with pytest.raises(BadCase, match="no such file"):
        read_case(tmp_path / "none.m")
