"""The audit as a separate page: the algebra in short, and every table of the theory."""

from functools import partial
from html import escape

from lens.paper.theory import summary
from lens.paper.theory_print import Tables

ALGEBRA = (
    (
        "Eq. 37 to 38 turn an inequality round",
        "The ratio of the two bounds is 1/&radic;k + (k-1)/k &middot; &rho; N<sup>1/2-p</sup> and "
        "tends to &rho; N<sup>1/2-p</sup> as k grows. It is below 1 if and only if "
        "N<sup>1/2-p</sup> &lt; 1/&rho;. For p &lt; 1/2 the exponent is positive, so this means "
        "N <b>&lt;</b> (1/&rho;)<sup>1/(1/2-p)</sup> = N0. The paper writes N &gt; N0. With its "
        "own constants &rho; = 0.366, and at N = 1,000 the limit is 1.92: the bound promises "
        "nothing there.",
    ),
    (
        "The Hölder exponent is lost in Eq. 31",
        "If &epsilon;<sub>N</sub> = O(N<sup>-p</sup>), then "
        "L<sub>r</sub> &epsilon;<sub>N</sub><sup>&alpha;</sup> = O(N<sup>-&alpha;p</sup>), "
        "not O(N<sup>-p</sup>). "
        "For the ReLU networks used here &alpha; = 1 and nothing changes; for a reward that is "
        "only Hölder, p becomes &alpha; p everywhere.",
    ),
    (
        "Worst case and mean square are mixed",
        "Assumption 1 bounds the largest norm of e - g(z). B.5.3 measures the mean of its square. "
        "A mean square that decays as N<sup>-p</sup> has a root that decays as N<sup>-p/2</sup>, "
        "and the largest error may decay more slowly still. The table of readings fits them all.",
    ),
    (
        "The noise does not shrink with N",
        "Lemma 3 takes &epsilon;<sub>N</sub> from Eq. 23, where it is L<sub>g</sub> "
        "t<sub>&delta;</sub> + &epsilon;<sub>rec</sub>. The first term is the latent noise: it "
        "does not fall with N, so neither does &epsilon;<sub>N</sub> beyond it, and the bias has a "
        "floor. Eq. 23 also holds for one pair with probability 1 - &delta;, not for all at once.",
    ),
    (
        "A decay with N may be a decay with training time",
        "At a fixed number of epochs a larger set also gives more gradient steps. VAEs trained "
        "with the same number of steps at every N show what is left of the decay.",
    ),
)
TERMS = (
    "&zeta;(N): test loss of a reward model trained on N pairs minus that of the reference model, "
    "in nats per pair; &zeta;<sub>aug</sub>(N, k): the same with synthetic pairs up to kN. "
    "Intervals are 95 %. A gain is sure if the interval of the limit excludes 1. Flags name fits "
    "that do not hold; constants.json explains them."
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .25em .7em; text-align: right; border-bottom: 1px solid #ddd }
th { border-bottom: 2px solid #888; vertical-align: bottom }
td { white-space: nowrap }
th.words, td.words { text-align: left }
.wide { overflow-x: auto }
dt { font-weight: 600 } dd { margin: 0 0 1em 0 }
"""


def html(theories: list[dict], tables: Tables) -> str:
    """A self-contained HTML page; all text from data is escaped."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in summary(theories))
    algebra = "".join(f"<dt>{escape(title)}</dt><dd>{text}</dd>" for title, text in ALGEBRA)
    parts = "".join(
        f"<h2>{escape(title)}</h2>{_table(*content)}" for title, content in tables.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Theorem 2, measured and audited</title><style>{STYLE}</style></head><body>"
        f"<h1>Theorem 2, measured and audited</h1><ul>{lines}</ul><p>{TERMS}</p>"
        f"<h2>The paper's bound</h2><dl>{algebra}</dl>{parts}</body></html>\n"
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    words = [not any(row[i][:1].isdigit() for row in rows) for i in range(len(header))]
    head = "".join(map(partial(_cell, "th"), header, words))
    body = "".join(
        "<tr>" + "".join(map(partial(_cell, "td"), row, words)) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _cell(tag: str, text: str, words: bool) -> str:
    return f"<{tag}{' class=words' if words else ''}>{escape(text)}</{tag}>"
