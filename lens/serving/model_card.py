"""The README.md of a saved reward model: what it is, what it learned from, how far to trust it."""

import re
from pathlib import Path
from typing import Any

from lens.core.diagnostics import sentences
from lens.core.errors import printable
from lens.language.encoder import Encoder
from lens.report.render import escape_markdown, markdown_table, with_interval
from lens.reward.recipes import Recipe

USE = """## Use

```python
import lens

rm = lens.RewardModel.load("path/to/this/folder")
rm.score(prompts, responses)            # rewards
rm.probability(prompts, first, second)  # that the first is preferred
```
"""


def model_card(model: Any) -> str:
    """Markdown with the metadata block that the Hub reads."""
    encoder, card = model.encoder, model.card
    local = encoder and Path(encoder.model).is_absolute()
    lines = [
        "---",
        "tags: [reward-model, lens]",
        *([f"base_model: {_quoted(encoder.model)}"] if encoder and not local else []),
        "---",
        "",
        "# Reward model",
        "",
        f"Recipe: **{Recipe(**card['recipe'])}**, a reward on embeddings. The difference of two "
        "rewards is the log-odds that the first answer is preferred; a reward alone has no zero.",
        "",
        USE,
        _encoder_text(encoder),
        "",
        *_held_out(model),
        *_data(card["data"]),
        "## How it was made",
        "",
        *([_code(card["command"]), ""] if card["command"] else []),
        f"Seed {card['seed']}, temperature {card['temperature']:.4g}. "
        + ", ".join(f"{name} {version}" for name, version in card["versions"].items())
        + ".",
    ]
    return "\n".join(lines) + "\n"


def _held_out(model: Any) -> list[str]:
    card, held = model.card, model.card["held_out"]
    among = card.get("chosen_among", 1)
    chosen = (
        f" The recipe is the best of {among} on the same pairs, so its accuracy reads a little too "
        "high."
    )
    bins = [
        [f"{100 * part['confidence']:.1f}", f"{100 * part['accuracy']:.1f}", str(part["pairs"])]
        for part in held["reliability"]
    ]
    return [
        "## Held-out results",
        "",
        f"{held['rounds']} rounds of 5-fold cross-validation by prompt: models trained on four "
        "fifths of the pairs, judged on prompts that they have not seen. This model was then "
        "trained on all pairs." + chosen * (among > 1),
        "",
        markdown_table(["measure", "value"], results(model)),
        "",
        *_beware(card),
        "Stated confidence against accuracy, first round:",
        "",
        markdown_table(["stated %", "right %", "pairs"], bins),
        "",
    ]


def _data(data: dict) -> list[str]:
    form = data["form"]
    dropped = ", ".join(f"{count} {reason}" for reason, count in data["dropped"].items()) or "none"
    return [
        "## Data",
        "",
        f"{data['pairs']:,} pairs with {data['prompts']:,} prompts, from "
        f"{escape_markdown(str(data['source']))} ({data['rows']:,} rows; form: {form['form']}). "
        f"Ties left out: {data.get('ties_left_out', form['ties'])}. "
        f"Rows dropped: {escape_markdown(dropped)}. "
        f"Texts cut to the model's context: {data.get('texts_cut', 'not known')}. "
        f"SHA-256 of the pairs: `{data['sha256']}`.",
        "",
        "It has learned what these labels prefer, their mistakes and habits (length, tone) "
        "included, and has seen no other kind of prompt.",
        "",
    ]


def results(model: Any) -> list[list[str]]:
    """Held-out measures with their values, in words and figures."""
    held = model.card["held_out"]
    mean, low, high = (100 * held["accuracy"][name] for name in ("mean", "low", "high"))
    error = {
        suffix: f"{100 * held[f'calibration_error{suffix}']:.1f}"
        for suffix in ("", "_uncalibrated", "_by_chance")
    }
    share = held.get("vae_variance_explained")  # None: no VAE, or a card of an earlier version
    explained = (
        []
        if share is None
        else [["variance of held-out embeddings that the VAE explains, %", f"{100 * share:.1f}"]]
    )
    return [
        ["held-out pair accuracy, % [95 % interval]", with_interval(mean, low, high, 1)],
        *explained,
        ["log loss, nats (chance: 0.693)", f"{held['log_loss']:.3f}"],
        ["log loss before calibration", f"{held['log_loss_uncalibrated']:.3f}"],
        ["expected calibration error, points", error[""]],
        ["expected calibration error before calibration, points", error["_uncalibrated"]],
        ["the error of perfect probabilities on as many pairs, points", error["_by_chance"]],
        *_by_part(held),
    ]


def _by_part(held_out: dict) -> list[list[str]]:
    """Accuracy by parts of the pairs, next to that without the control of a covariate."""

    def shown(part: dict) -> str:
        mean, low, high = (100 * part[end] for end in ("mean", "low", "high"))
        return with_interval(mean, low, high, 1)

    rows = [
        [f"accuracy where the {part['wins']} wins, % ({part['pairs']:,} pairs)", shown(part)]
        for part in held_out.get("parts", [])  # cards of earlier versions have none
    ]
    without = held_out.get("without_control")
    if not without:
        return rows
    rows.append(["accuracy without the control of length, %", shown(without["accuracy"])])
    rows += [
        [f"without it, where the {part['wins']} wins, %", shown(part)] for part in without["parts"]
    ]
    return [*rows, ["points of accuracy that the control costs", shown(without["costs"])]]


def results_text(model: Any) -> str:
    """The measures as lines for a terminal."""
    title = (
        f"{Recipe(**model.card['recipe'])}, {model.card['data']['pairs']:,} pairs; on held-out "
        f"prompts, measured in {model.card['held_out']['rounds']} rounds:"
    )
    lines = [f"  {name}: {value}" for name, value in results(model)]
    return "\n".join(
        [title, *lines, *(f"Beware: {line}" for line in sentences(_flags(model.card)))]
    )


def _flags(card: dict) -> list[dict]:
    return card.get("flags", [])  # cards of earlier versions have none


def _beware(card: dict) -> list[str]:
    lines = [f"- {escape_markdown(line)}" for line in sentences(_flags(card))]
    return ["Beware:", "", *lines, ""] if lines else []


def _encoder_text(encoder: Encoder | None) -> str:
    if encoder is None:
        return "It reads imported embeddings: `rm.score_embeddings(array)`."
    settings = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in encoder.as_dict().items()
        if name != "model" and value is not None
    )
    name = Path(encoder.model).name if Path(encoder.model).is_absolute() else encoder.model
    return f"Embeddings: {escape_markdown(name)} ({escape_markdown(settings)})."


def _code(text: str) -> str:
    """On one line, between more backquotes than it holds in a row."""
    marks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    gap = " " if "`" in text else ""
    return f"{marks}{gap}{' '.join(text.splitlines())}{gap}{marks}"


def _quoted(text: str) -> str:
    """As YAML, which knows the escapes of what is not printable."""
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
