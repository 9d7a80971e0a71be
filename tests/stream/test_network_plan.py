from __future__ import annotations

from forecasting.calendar import Calendar
from records.points import ElementKind, Point, PointRegister, Quantity
from records.time import HOUR
from stream.network_plan import network_hierarchy, network_plan


def point(number: int, area: int, kind: ElementKind, quantity: Quantity) -> Point:
    return Point(
        f"{kind.value}:{number} {quantity.value}", number, area, kind, str(number), quantity, 1.0
    )


REGISTER = PointRegister(
    [
        point(1, 0, ElementKind.LOAD, Quantity.ACTIVE),
        point(2, 0, ElementKind.LOAD, Quantity.REACTIVE),
        point(3, 1, ElementKind.LOAD, Quantity.ACTIVE),
        point(4, 1, ElementKind.GENERATOR, Quantity.ACTIVE),
    ]
)


def test_active_loads_and_losses_are_the_leaves_of_their_region() -> None:
    tree = network_hierarchy(REGISTER)
    parents = dict(zip(tree.ids, tree.parents, strict=True))
    assert parents == {
        "total": None,
        "region:0": "total",
        "region:1": "total",
        "load:1 p_mw": "region:0",
        "load:3 p_mw": "region:1",
        "losses:0": "region:0",
        "losses:1": "region:1",
    }


def test_every_area_of_the_state_has_its_losses_and_its_balance() -> None:
    plan = network_plan(REGISTER, Calendar("UTC", HOUR), ["s"])
    assert plan.losses == {"0": "losses:0", "1": "losses:1"}
    assert set(plan.losses.values()) <= set(plan.leaves)
    assert plan.balances == {"region:0": "balance:0", "region:1": "balance:1"}
    assert plan.balanced == {"0": "balance:0", "1": "balance:1"}
    assert plan.n_steps == 48
