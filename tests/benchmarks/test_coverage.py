"""The coverage study judges the methods that it is given."""

import pytest
from coverage import draw


@pytest.mark.slow
def test_a_draw_compares_the_two_methods_that_are_given():
    found = {row["claim"]: row for row in draw("alternative", 1, 1, ("original", "evidence_probe"))}
    assert list(found) == ["original", "evidence_probe", "difference"]
    for value in ("truth", "mean"):
        gap = found["evidence_probe"][value] - found["original"][value]
        assert found["difference"][value] == pytest.approx(gap)
    assert found["difference"]["truth"] > 0.03
    assert found["difference"]["low"] < found["difference"]["mean"] < found["difference"]["high"]
