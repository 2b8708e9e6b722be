"""Special tokens at a text's ends: those that a tokenizer's config promises are there."""

import logging
from typing import TYPE_CHECKING

from lens.core.errors import LensError
from lens.files.hub import model_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model
    from transformers import PreTrainedTokenizerBase as Tokenizer


def ends(tokenizer: "Tokenizer") -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before a text, and after it."""
    whole = tokenizer("a")["input_ids"]
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    return [], []


def add_ends(tokenizer: "Tokenizer", *, begin: bool, end: bool) -> list[str]:
    """Has the tokenizer write its beginning- and end-of-sequence tokens where they are asked for
    and it does not yet; returns those that it did not. They count towards a limit of length and
    are kept where a text is cut."""
    from tokenizers import processors

    before, after = ends(tokenizer)
    bos = [tokenizer.bos_token_id] if begin and tokenizer.bos_token_id not in before else []
    eos = [tokenizer.eos_token_id] if end and tokenizer.eos_token_id not in after else []
    added = [number for number in (*bos, *eos) if number is not None]
    if added:
        names = {
            number: tokenizer.convert_ids_to_tokens(number)
            for number in (*bos, *before, *after, *eos)
            if number is not None
        }
        sides = [[names[n] for n in side if n in names] for side in (bos + before, after + eos)]
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=[*sides[0], "$A", *sides[1]],
            special_tokens=[(name, number) for number, name in names.items()],
        )
    return tokenizer.convert_ids_to_tokens(added)


def promised_end(tokenizer: "Tokenizer", model: str, revision: str | None) -> str | None:
    """The end token that the tokenizer's config promises (`add_eos_token`) and that it does not
    write: transformers 5 goes by tokenizer.json alone."""
    config = model_json(model, revision, "tokenizer_config.json")
    if not isinstance(config, dict) or config.get("add_eos_token") is not True:
        return None
    absent = tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ends(tokenizer)[1]
    return tokenizer.eos_token if absent else None


def keep_promise(tokenizer: "Tokenizer", model: str, revision: str | None) -> None:
    """Makes the tokenizer end texts with the token that its config names, and reports it."""
    if promised_end(tokenizer, model, revision):
        add_ends(tokenizer, begin=False, end=True)
        logging.getLogger(__name__).warning(
            "%s: its tokenizer's config promises %s at the end of a text (add_eos_token), which "
            "transformers leaves out; it is added.",
            model,
            tokenizer.eos_token,
        )


def name_promise(tokenizer: "Tokenizer", model: str, revision: str | None) -> None:
    """Says, of a sentence-transformers model, that such a token is left out."""
    if promised_end(tokenizer, model, revision):
        logging.getLogger(__name__).warning(
            "%s: its tokenizer's config promises %s at the end of a text (add_eos_token), but "
            "transformers 5 and so sentence-transformers leave it out: embeddings equal the "
            "library's. If the model needs it, choose one whose tokenizer.json writes it.",
            model,
            tokenizer.eos_token,
        )


def check_vocabulary(model: "Model", tokenizer: "Tokenizer", path: str) -> None:
    """Where the tokenizer knows more tokens than the model has embeddings for, has the model refuse
    texts that hold one of them (LensError); others are read as usual."""
    try:
        embeddings = model.get_input_embeddings()
    except NotImplementedError:  # it has several, and text is not all that it reads
        return
    rows = getattr(embeddings, "num_embeddings", None)
    if rows is None or len(tokenizer) <= rows:
        return

    def check(module: object, given: tuple) -> None:
        largest = int(given[0].max())
        if largest >= rows:
            token = tokenizer.convert_ids_to_tokens(largest)
            raise LensError(
                f"{path}: a text holds {token!r} (token {largest}), but the model has embeddings "
                f"for {rows} tokens alone: this tokenizer was made for another model. Take the "
                "tokenizer that came with the model; if the token is from the chat template, "
                "`text_style: plain` (--text-style plain) leaves it out."
            )

    embeddings.register_forward_pre_hook(check)
