"""What captions say about the gold model: how well it orders pairs that it was not trained on."""

from pathlib import Path

from lens.files import artifacts


def held_out_accuracy(card: str | Path) -> str:
    """A sentence with the gold model's held-out accuracy from its card: the config of `lens fit` or
    the metrics of `train-gold-model`."""
    found = artifacts.read_json(card)
    if "metrics" in found:
        kinds = found["metrics"]["held_out"]
        shares = [f"{100 * one['order_accuracy']:.1f} % ({kind})" for kind, one in kinds.items()]
        return (
            f"The gold model orders {' and '.join(shares)} of held-out pairs of answers as the "
            "true reward does."
        )
    accuracy = found["held_out"]["accuracy"]
    mean, low, high = (100 * accuracy[name] for name in ("mean", "low", "high"))
    return (
        f"The gold model orders {mean:.1f} % [{low:.1f}, {high:.1f}] of held-out labelled pairs "
        "correctly."
    )
