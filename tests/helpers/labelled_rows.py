"""Rows of two answers and a label."""

SIDES = {
    "letters": ("response_a", "response_b"),
    "capitals": ("Response A", "Response B"),
    "numbers": ("response_1", "response_2"),
    "from 0": ("output_0", "output_1"),
    "sides": ("answer_left", "answer_right"),
    "places": ("first_answer", "second_answer"),
    "SHP": ("human_ref_A", "human_ref_B"),
    "AlpacaFarm": ("output_1", "output_2"),
    "models": ("Model A Response", "Model B Response"),
}


def judged(sides, label, *values):
    """Rows whose answers are told by their side, with these labels."""
    first, second = SIDES.get(sides, sides)
    return [
        {"prompt": f"q{i}", first: f"first {i}", second: f"second {i}", label: value}
        for i, value in enumerate(values)
    ]
