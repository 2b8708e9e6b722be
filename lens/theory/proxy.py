"""How well does the reference model replace the best possible reward (B.5.1)?

This can be measured only if the true reward is known, as in the offline world: zeta is then the
loss beyond that of the true reward, which no model beats on average.
"""

import json

import numpy as np
import pandas as pd

from lens.report.files import Printed
from lens.report.render import number
from lens.theory import fit
from lens.world.texts import true_reward


def true_losses(kind: str, pairs: pd.DataFrame, temperature: float) -> np.ndarray:
    """The true reward's Bradley-Terry loss per pair, -log sigmoid((R(chosen) - R(rejected)) /
    temperature): the model by which the labels were drawn."""
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
    """zeta relative to the reference and to the true reward, by size, with the fitted constants.

    `about` has dim, delta and the reference's test loss; `truth` are the true reward's losses on
    the same test pairs. The two zeta differ by the reference's error, which is the same at every N.
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


def printed(comparisons: dict[str, dict]) -> list[Printed]:
    """Two tables of {set: its `compare`}: zeta by size, and the constants by both standards."""
    sizes, constants = [], []
    for name, comparison in comparisons.items():
        for row in comparison["sizes"]:
            share = row["from_reference"] / row["from_truth"]
            sizes.append(
                [name, f"{row['n_pairs']:,}"]
                + [number(row[key], 4) for key in ("from_reference", "from_truth")]
                + [f"{100 * share:.0f}"]
            )
        for standard, values in comparison["constants"].items():
            cells = [
                "-" if values[key]["estimate"] is None else f"{values[key]['estimate']:.3g}"
                for key in fit.NAMES
            ]
            constants.append([name, standard, *cells, number(values["r_squared"]["C1"], 3)])
    losses = "; ".join(
        f"{name}: reference {comparison['reference_test_loss']:.4f}, true reward "
        f"{comparison['true_reward_test_loss']:.4f}, so the reference's error is "
        f"{comparison['error_of_the_reference']:.4f}"
        for name, comparison in comparisons.items()
    )
    header = ["set", "N", "zeta by reference", "zeta by truth", "seen by the proxy %"]
    return [
        Printed(
            header,
            [("Estimation error by the reference and by the true reward", sizes)],
            f"Test losses (nats per pair). {losses}.",
        ),
        Printed(
            ["set", "standard", *fit.NAMES, "R2 of C1"],
            [("The constants by each standard", constants)],
            "reference: zeta is the loss beyond that of the reference model; truth: beyond that "
            "of the world's true reward.",
        ),
    ]
