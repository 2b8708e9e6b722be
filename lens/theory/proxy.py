"""How good is the reference model as a stand-in for the best possible reward (B.5.1)?

Only where the true reward is known, as in the offline world. There zeta can be measured from the
true reward's own loss, which no model can pass on average.
"""

import json

import numpy as np
import pandas as pd

from lens.report.files import Printed
from lens.report.render import number
from lens.theory import fit
from lens.world.texts import true_reward


def true_losses(kind: str, pairs: pd.DataFrame, temperature: float) -> np.ndarray:
    """-log sigmoid((R(chosen) - R(rejected)) / temperature) of each pair: the labels' own model."""
    gaps = np.array(
        [
            true_reward(kind, text, chosen) - true_reward(kind, text, rejected)
            for text, chosen, rejected in zip(
                (json.loads(prompt)[-1]["content"] for prompt in pairs["prompt"]),
                pairs["chosen"],
                pairs["rejected"],
                strict=True,
            )
        ]
    )
    return np.logaddexp(0, -gaps / temperature)


def compare(
    estimation: pd.DataFrame, reconstruction: pd.DataFrame, about: dict, truth: np.ndarray
) -> dict:
    """zeta from the reference and from the truth, by size, and the constants that follow.

    `about` holds dim, delta and the reference's test loss; `truth` the true reward's losses on the
    same test pairs. The two zeta differ by one number at every N: the reference's own error.
    """
    options = {"dim": about["dim"], "delta": about["delta"]}
    from_truth = estimation.assign(error=estimation["test_loss"] - truth.mean())
    original = estimation[estimation["method"] == "original"]
    errors = original.groupby("n_pairs")["error"].mean()
    shift = about["reference_test_loss"] - float(truth.mean())
    return {
        "reference_test_loss": about["reference_test_loss"],
        "true_reward_test_loss": float(truth.mean()),
        "error_of_the_reference": shift,
        "sizes": [
            {"n_pairs": int(n), "from_reference": float(e), "from_truth": float(e + shift)}
            for n, e in errors.items()
        ],
        "constants": {
            name: _short(fit.fit(points, reconstruction, **options)[0])
            for name, points in (("reference", estimation), ("truth", from_truth))
        },
    }


def _short(fitted: dict) -> dict:
    return {
        **{name: fitted[name] for name in fit.NAMES},
        "flags": fitted["flags"],
        "r_squared": fitted["r_squared"],
    }


def printed(found: dict[str, dict]) -> list[Printed]:
    """Two tables: zeta by size, and the constants by both standards."""
    sizes, constants = [], []
    for name, one in found.items():
        for row in one["sizes"]:
            share = row["from_reference"] / row["from_truth"]
            sizes.append(
                [name, f"{row['n_pairs']:,}"]
                + [number(row[key], 4) for key in ("from_reference", "from_truth")]
                + [f"{100 * share:.0f}"]
            )
        for standard, values in one["constants"].items():
            cells = [
                "-" if values[key]["estimate"] is None else f"{values[key]['estimate']:.3g}"
                for key in fit.NAMES
            ]
            constants.append([name, standard, *cells, number(values["r_squared"]["C1"], 3)])
    losses = "; ".join(
        f"{name}: reference {one['reference_test_loss']:.4f}, true reward "
        f"{one['true_reward_test_loss']:.4f}, so the reference's own error is "
        f"{one['error_of_the_reference']:.4f}"
        for name, one in found.items()
    )
    header = ["set", "N", "zeta by reference", "zeta by truth", "seen by the proxy %"]
    return [
        Printed(
            header,
            [("Estimation error by the reference and by the true reward", sizes)],
            f"Test losses (nats a pair). {losses}.",
        ),
        Printed(
            ["set", "standard", *fit.NAMES, "R2 of C1"],
            [("The constants that follow from each", constants)],
            "reference: measured from the model that stands for the best possible reward; truth: "
            "from the world's own.",
        ),
    ]
