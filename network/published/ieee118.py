"""Branch ratings and zones of the IEEE 118-bus system.

The case itself gives neither: pandapower's copy carries placeholder ratings of
9,900 MVA and a single zone.

**Ratings** are those of PGLib-OPF v18.06, ``pglib_opf_case118_ieee.m`` (column
``rateA``, MVA), https://github.com/power-grid-lib/pglib-opf, Creative Commons
Attribution 4.0 International; copyright (c) 1999 Richard D. Christie, University of
Washington. They come from a statistical line model, not from the utility; branch
68-116 of 7,218 MVA is as published. They are made for PGLib's dispatch, so under the
dispatch of the original case some branches are loaded above them.

**Zones** are the three that studies of this system use (those of the Illinois Institute
of Technology's 118-bus data, and the regions R1 to R3 of I. Pena, C. B. Martinez-Anido,
B.-M. Hodge, "An extended IEEE 118-bus test system with high renewable penetration",
IEEE Transactions on Power Systems 33(1), 2018). The assignment was taken from a public
program that labels this case with three zones, and checked only for completeness and for
each zone being connected; the two sources' own tables were not at hand.
"""

from dataclasses import replace

import numpy as np

from network.arrays import Floats, Ints, Strings
from network.errors import BadCase
from network.model import Network

__all__ = ["ZONES", "rate_mva", "with_published_data"]

_RATE_MVA = """
1-2:151 1-3:151 4-5:176 3-5:175 5-6:176 6-7:176 8-9:711 8-5:1099 9-10:710 4-11:151 5-11:152
11-12:151 2-12:151 3-12:151 7-12:164 11-13:151 12-14:151 13-15:115 14-15:144 12-16:164 15-17:151
16-17:158 17-18:167 18-19:173 19-20:178 15-19:151 20-21:177 21-22:178 22-23:178 23-24:158
23-25:186 26-25:768 25-27:177 27-28:174 28-29:165 30-17:756 8-30:580 26-30:340 17-31:151
29-31:146 23-32:158 31-32:151 27-32:151 15-33:150 19-34:114 35-36:176 35-37:175 33-37:154
34-36:146 34-37:159 38-37:783 37-39:151 37-40:140 30-38:542 39-40:151 40-41:152 40-42:151
41-42:151 43-44:117 34-43:167 44-45:166 45-46:153 46-47:152 46-48:148 47-49:150 42-49:89
42-49:89 45-49:138 48-49:140 49-50:140 49-51:140 51-52:142 52-53:166 53-54:177 49-54:99 49-54:97
54-55:169 54-56:155 55-56:146 56-57:140 50-57:140 56-58:140 51-58:140 54-59:125 56-59:112
56-59:117 55-59:133 59-60:176 59-61:176 60-61:186 60-62:176 61-62:176 63-59:760 63-64:687
64-61:1095 38-65:297 64-65:675 49-66:186 49-66:186 62-66:132 62-67:176 65-66:793 66-67:176
65-68:686 47-69:102 49-69:87 68-69:793 69-70:170 24-70:72 70-71:166 24-72:146 71-72:159
71-73:188 70-74:151 70-75:151 69-75:145 74-75:151 76-77:152 69-77:150 75-77:141 77-78:151
78-79:174 77-80:141 77-80:157 79-80:175 68-81:684 81-80:793 77-82:141 82-83:150 83-84:122
83-85:154 84-85:122 85-86:156 86-87:141 85-88:186 85-89:168 88-89:186 89-90:151 89-90:169
90-91:151 89-92:186 89-92:166 91-92:151 92-93:151 92-94:151 93-94:151 94-95:151 80-96:159
82-96:150 94-96:149 80-97:186 80-98:176 80-99:140 92-100:98 94-100:150 95-96:149 96-97:186
98-100:160 99-100:175 100-101:176 92-102:176 101-102:176 100-103:151 100-104:141 103-104:153
103-105:145 100-106:124 104-105:161 105-106:164 105-107:154 105-108:137 106-107:154 108-109:138
103-110:159 109-110:138 110-111:154 110-112:135 17-113:151 32-113:139 32-114:176 27-115:175
114-115:175 68-116:7218 12-117:170 75-118:151 76-118:151
"""

ZONES: dict[str, tuple[range, ...]] = {
    "1": (range(1, 24), range(25, 33), range(113, 116), range(117, 118)),
    "2": (range(33, 68),),
    "3": (range(24, 25), range(68, 113), range(116, 117), range(118, 119)),
}
"""Bus numbers of each zone."""


def rate_mva() -> dict[tuple[int, int], tuple[float, ...]]:
    """Return the ratings, by the bus numbers of the ends, the lower first.

    Parallel circuits share a key and stand in the order of the case.

    >>> rate_mva()[49, 54]
    (99.0, 97.0)
    """
    rates: dict[tuple[int, int], tuple[float, ...]] = {}
    for word in _RATE_MVA.split():
        ends, value = word.split(":")
        a, b = sorted(int(end) for end in ends.split("-"))
        rates[a, b] = (*rates.get((a, b), ()), float(value))
    return rates


def with_published_data(network: Network) -> Network:
    """Give the IEEE 118-bus network its ratings and its three zones as areas.

    Parameters
    ----------
    network : Network
        As read from MATPOWER (buses named 1 to 118) or from pandapower (0 to 117).

    Returns
    -------
    Network

    Raises
    ------
    BadCase
        This is not the IEEE 118-bus network.
    """
    number = _bus_numbers(network.buses.id)
    rates = rate_mva()
    seen: dict[tuple[int, int], int] = {}
    rating: Floats = np.empty(network.n_branch)
    branches = network.branches
    ends = zip(number[branches.from_bus], number[branches.to_bus], strict=True)
    for row, (a, b) in enumerate(ends):
        key = (int(min(a, b)), int(max(a, b)))
        circuit = seen.get(key, 0)
        if circuit >= len(rates.get(key, ())):
            raise BadCase(f"not the IEEE 118-bus network: it has no branch {key[0]}-{key[1]}")
        rating[row] = rates[key][circuit]
        seen[key] = circuit + 1
    zone = {bus: name for name, parts in ZONES.items() for part in parts for bus in part}
    area = np.array([zone[int(bus)] for bus in number])
    return replace(
        network,
        buses=replace(network.buses, area=area),
        branches=replace(branches, rate_mva=rating),
    )


def _bus_numbers(ids: Strings) -> Ints:
    numbers = ids.astype(np.int64) if np.char.isdigit(ids).all() else np.zeros(0, np.int64)
    if np.array_equal(np.sort(numbers), np.arange(118)):
        numbers = numbers + 1
    if not np.array_equal(np.sort(numbers), np.arange(1, 119)):
        raise BadCase("not the IEEE 118-bus network: its buses are not 1 to 118 (or 0 to 117)")
    return numbers
