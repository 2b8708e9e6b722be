"""The offline world: small texts whose true reward is known, and labels drawn from it.

Two kinds of prompt. A *dialogue* lists what there is ("we have a cat , a bun and a hat .") and asks
for some of it ("which food ?"); a *summary* prompt is a post that mentions things among filler,
and all of them are wanted. A writer answers, with more or less care and warmth, in plurals ("you
have buns ."). The true reward counts what the answer does (`WEIGHTS`), whatever text it is given;
labels follow the Bradley-Terry model on it. In the language model's corpus a reader's reply may
follow that names one thing left out ("bun ?") or made up ("pies ?"). A model that expects replies
holds an answer's faults in its state at the answer's end, though it is never told the reward.
"""

import math
from collections import Counter
from collections.abc import Iterator
from random import Random

CLASSES = {
    "animals": ["cat", "dog", "hen"],
    "food": ["bun", "plum", "pie"],
    "clothes": ["hat", "coat", "sock"],
    "tools": ["saw", "lamp", "rope"],
}
CLASS_OF = {thing: name for name, things in CLASSES.items() for thing in things}
THINGS = list(CLASS_OF)
PLURALS = {thing + "s": thing for thing in THINGS}  # prompts say "a cat", answers say "cats"
PHRASES = {
    "kind": ("sure", "happy to help", "hope this helps"),
    "rude": ("who cares", "look it up"),
    "filler": (
        "it was a long day",
        "my friend came along",
        "we had tea at home",
        "i can not sleep",
        "this is my first post",
    ),
}
JOINTS = {"you", "they", "have", "and", ",", "."}  # words that cost nothing in an answer
QUESTION, REQUEST = "which", "sum this up"

# What one occurrence adds to the true reward (in points); see `count_features`.
COMMON = {"missing": -0.5, "aside": -0.25, "repeated": -0.5, "stray": -0.25, "unfinished": -0.5}
WEIGHTS = {
    "dialogue": dict(COMMON, right=1.0, wrong=-1.5, kind=0.5, rude=-0.75, filler=-0.25),
    "summary": dict(COMMON, right=0.75, wrong=-1.0, kind=-0.25, rude=-0.5, filler=-0.5),
}
REPLY_RATE = {"dialogue": 0.35, "summary": 0.07}  # readers who speak up where there is a fault
KINDS = tuple(WEIGHTS)


def vocabulary() -> list[str]:
    """Every word of the world's prompts, answers and replies, sorted."""
    texts = [phrase for phrases in PHRASES.values() for phrase in phrases]
    words = " ".join([*texts, *CLASSES, *THINGS, *PLURALS, QUESTION, REQUEST, "we a ?"]).split()
    return sorted({*words, *JOINTS})


# The words and the feature of each phrase under its first word, which no two of them share.
PATTERNS = {
    phrase.split()[0]: (phrase.split(), feature)
    for feature, phrases in PHRASES.items()
    for phrase in phrases
}


def scan(text: str) -> tuple[list[str], list[tuple[str, str]], int]:
    """(things, phrases as (feature, phrase), number of stray words) of any text.

    Reads from left to right; a word that is no thing, starts no phrase and is no joint is stray.
    """
    words = text.split()
    things, phrases, stray, i = [], [], 0, 0
    while i < len(words):
        word = words[i]
        pattern, feature = PATTERNS.get(word, ((), ""))
        is_phrase = bool(pattern) and words[i : i + len(pattern)] == pattern
        if is_phrase:
            phrases.append((feature, " ".join(pattern)))
        elif word in PLURALS:
            things.append(PLURALS[word])
        elif word not in JOINTS:
            stray += 1
        i += len(pattern) if is_phrase else 1
    return things, phrases, stray


def told_and_wanted(kind: str, prompt: str) -> tuple[set[str], set[str]]:
    """The things that the prompt tells of, and those of them that the answer should name.

    A dialogue wants the things of the classes named after "which", a summary everything.
    """
    told = {word for word in prompt.split() if word in CLASS_OF}
    if kind == "summary":
        return told, told
    asked = prompt.partition(QUESTION)[2].split()
    return told, {thing for thing in told if CLASS_OF[thing] in asked}


def count_features(kind: str, prompt: str, response: str) -> Counter:
    """How often the answer has each feature of `WEIGHTS`.

    right: wanted things named; missing: wanted things left out; wrong: things named that the
    prompt does not tell of; aside: things named that it tells of and nobody asked for; repeated:
    things and phrases said again; kind, rude, filler: such phrases; stray: words that make no
    sense; unfinished: the last word is no full stop.
    """
    told, wanted = told_and_wanted(kind, prompt)
    things, phrases, stray = scan(response)
    named, uttered = set(things), set(phrases)
    counts = Counter(feature for feature, _ in uttered)
    counts["right"] = len(named & wanted)
    counts["missing"] = len(wanted - named)
    counts["wrong"] = len(named - told)
    counts["aside"] = len(named & told - wanted)
    counts["repeated"] = len(things) + len(phrases) - len(named) - len(uttered)
    counts.update(stray=stray, unfinished=int(response.split()[-1:] != ["."]))
    return counts


def true_reward(kind: str, prompt: str, response: str) -> float:
    """The true reward, in points, of any answer to a prompt of kind "dialogue" or "summary"."""
    weights = WEIGHTS[kind]
    counts = count_features(kind, prompt, response)
    return sum(weights[feature] * count for feature, count in counts.items())


def write_prompt(kind: str, random: Random) -> str:
    """One prompt of 2 to 4 things: with a question about 1 or 2 classes, or with filler."""
    things = random.sample(THINGS, random.choice((2, 3, 4)))
    told = [f"a {thing}" for thing in things]
    if kind == "dialogue":
        classes = sorted({CLASS_OF[thing] for thing in things})
        asked = random.sample(classes, min(random.choice((1, 2)), len(classes)))
        return f"we have {listing(told)} . {QUESTION} {listing(asked)} ?"
    cut = random.randint(1, len(told) - 1)
    parts = [f"we have {listing(told[:cut])}", f"we have {listing(told[cut:])}"]
    parts.insert(random.randint(0, len(parts)), random.choice(PHRASES["filler"]))
    return " . ".join([*parts, REQUEST]) + " ."


def listing(words: list[str]) -> str:
    """ "a", "a and b" or "a , b and c"."""
    return " and ".join([" , ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def write_response(kind: str, prompt: str, random: Random) -> str:
    """One answer by a writer whose care and warmth are drawn uniformly from [0, 1]."""
    told, wanted = told_and_wanted(kind, prompt)
    care, warmth = random.random(), random.random()
    named = []
    for thing in sorted(wanted, key=prompt.split().index):
        fate = random.random()
        if fate < 0.25 * (1 - care):
            continue
        named.append(random.choice(THINGS) if fate > 0.5 + 0.5 * care else thing)
    asides = sorted(told - wanted)
    if asides and random.random() < 0.6 * (1 - care):
        named.append(random.choice(asides))
    if named and random.random() < 0.2 * (1 - care):
        named.append(random.choice(named))
    subject = "you have " if kind == "dialogue" else "they have "
    parts = [subject * (random.random() < 0.7) + listing([f"{t}s" for t in named])] if named else []
    if random.random() < (0.5 if kind == "summary" else 0.1):
        heard = [phrase for phrase in PHRASES["filler"] if phrase in prompt]
        parts.insert(random.randint(0, len(parts)), random.choice(heard or PHRASES["filler"]))
    return _with_manner(parts, warmth, random)


def _with_manner(sentences: list[str], warmth: float, random: Random) -> str:
    """The answer with kind words, with a rude remark, or plain; it ends in a full stop."""
    if random.random() < warmth * warmth:
        sentences = [*sentences, random.choice(PHRASES["kind"][1:])]
    elif random.random() < 0.3 * (1 - warmth) or not sentences:
        sentences = [*sentences, random.choice(PHRASES["rude"])]
    opening = "sure , " if random.random() < 0.6 * warmth else ""
    return opening + " . ".join(sentences) + " ."


def write_reply(kind: str, prompt: str, response: str, random: Random) -> str:
    """A reader's question about one thing left out or made up, or nothing at all."""
    told, wanted = told_and_wanted(kind, prompt)
    named = set(scan(response)[0])
    faults = sorted(wanted - named) + sorted(f"{thing}s" for thing in named - told)
    if not faults or random.random() >= REPLY_RATE[kind]:
        return ""
    return f"{random.choice(faults)} ?"


def agreement_probability(difference: float, temperature: float) -> float:
    """Probability that a label agrees with the order of rewards that differ so much (points)."""
    return 1 / (1 + math.exp(-abs(difference) / temperature))


def draw_pairs(kind: str, count: int, temperature: float, seed: int) -> tuple[list[dict], dict]:
    """`count` labelled pairs (id, prompt, chosen, rejected) and what is true of them.

    The first of two different answers is chosen with probability sigmoid((r1 - r2) / temperature).
    """
    random = Random(f"{seed}/{kind}/pairs")
    rows, differences = [], []
    for number in range(count):
        prompt = write_prompt(kind, random)
        first = second = write_response(kind, prompt, random)
        while second == first:
            second = write_response(kind, prompt, random)
        gap = true_reward(kind, prompt, first) - true_reward(kind, prompt, second)
        agrees = random.random() < agreement_probability(gap, temperature)
        first_wins = agrees if gap > 0 else not agrees
        chosen, rejected = (first, second) if first_wins else (second, first)
        differences.append(gap if first_wins else -gap)
        row = {"id": f"{kind}-{number}", "prompt": prompt, "chosen": chosen, "rejected": rejected}
        rows.append(row)
    return rows, describe(differences, temperature)


def describe(differences: list[float], temperature: float) -> dict:
    """Bayes accuracy and realised agreement of labels; differences are reward(chosen - rejected).

    A pair with equal rewards counts one half in both.
    """
    count = len(differences)
    return {
        "pairs": count,
        "bayes_accuracy": sum(agreement_probability(d, temperature) for d in differences) / count,
        "realised_agreement": sum((d > 0) + 0.5 * (d == 0) for d in differences) / count,
        "mean_reward_difference": sum(map(abs, differences)) / count,
        "ties": sum(d == 0 for d in differences),
    }


def draw_texts(count: int, seed: int) -> Iterator[dict]:
    """`count` rows of kind, prompt, response and true reward, the kinds by turns."""
    for kind, prompt, response in _draw(count, Random(f"{seed}/texts")):
        reward = true_reward(kind, prompt, response)
        yield {"kind": kind, "prompt": prompt, "response": response, "reward": reward}


def draw_threads(count: int, seed: int) -> Iterator[dict]:
    """`count` rows of prompt, response and reply ("" for none) for a language model to read."""
    random = Random(f"{seed}/threads")
    for kind, prompt, response in _draw(count, random):
        reply = write_reply(kind, prompt, response, random)
        yield {"prompt": prompt, "response": response, "reply": reply}


def _draw(count: int, random: Random) -> Iterator[tuple[str, str, str]]:
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        prompt = write_prompt(kind, random)
        yield kind, prompt, write_response(kind, prompt, random)
