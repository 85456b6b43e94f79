"""Numbers for channels, joined and held."""

from __future__ import annotations

import numpy as np

from edge_opt.nets.graph.atoms import Atoms, only_along, placed, plain, whole


def test_joined_numbers_are_one_whatever_the_order_in_which_they_were_joined() -> None:
    atoms = Atoms()
    first, second, third = atoms.fresh(3), atoms.fresh(3), atoms.fresh(3)
    atoms.join(second, third)
    atoms.join(first, third)
    roots = atoms.roots()
    np.testing.assert_array_equal(roots[second], roots[first])
    np.testing.assert_array_equal(roots[third], roots[first])
    assert len(set(roots)) == 3


def test_what_is_joined_with_a_number_that_stays_stays_too() -> None:
    atoms = Atoms()
    first, second = atoms.fresh(2), atoms.fresh(2)
    atoms.fix(second[:1], "one")
    atoms.fix(first[:1], "another")
    atoms.join(first, second)
    assert atoms.reasons("another") == {0: "another"}
    assert atoms.reasons("") == {0: "one"}


def test_numbers_are_plain_where_nothing_depends_on_an_axis() -> None:
    ids = np.arange(4)
    spread = np.broadcast_to(placed(ids, 2, 3), (5, 6, 4))
    np.testing.assert_array_equal(plain(spread), ids.reshape(1, 1, 4))
    assert only_along(plain(spread), 2)
    assert not only_along(spread, 2)
    assert whole(plain(spread), (5, None, 4)) is None
    np.testing.assert_array_equal(whole(plain(spread), (5, 6, 4)), spread)
