"""What a table says of its intervals."""

from lens.report.measured import of_seeds


def test_the_intervals_of_one_seed_are_said_not_to_cover_others():
    note = "Mean [95 % interval over seeds and test items]. More."
    assert of_seeds(note, 3) == of_seeds(note, 2) == note
    one = of_seeds(note, 1)
    assert one.startswith("Mean [95 % interval over test items]. More.")
    assert "One seed" in one
