"""Comparisons as Table 1 leaves them, and names that try to break a page."""

import pandas as pd

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> `a`_ **b** |c| :d:`e` {{ 7*7 }}"


def comparisons(rows, dataset="d", model="m"):
    """(method, scale, difference, corrected p) as rows of table_1_comparisons.csv."""
    table = pd.DataFrame(rows, columns=["method", "scale", "difference", "corrected_p_value"])
    return table.assign(
        dataset=dataset,
        model=model,
        n_pairs=100,
        measure="gold",
        p_value=0.001,
        low=table["difference"] - 0.1,
        high=table["difference"] + 0.1,
        vae_variance_explained=table["method"].map({"lens": 0.034}),
    )


ROWS = [
    ("lens", 2, 0.5, 0.01),
    ("lens", 4, -0.3, 0.01),
    ("ipo", 4, 0.4, 0.2),
    ("lora", 4, 0.2, 0.04),
]
