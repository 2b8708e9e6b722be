"""What was seen when pairs were made of rows."""

from dataclasses import dataclass, field

from lens.data.reading.explained import in_the_file


@dataclass
class FormReport:
    """What was seen, and what no pair could be made of.

    `ties` are pairs dropped because both sides are rated alike, `contradictions` pairs kept
    although their scores speak against the label, `overruled` tells of a rating that orders answers
    otherwise than the one that counts; `unrated` responses have no rating, `unjudged`
    rows no label. `prompts_without_pair` counts only in forms with several responses to a prompt,
    `judgements` only in exports of labelling tools. `inside` are fields of listed responses with
    prompts, texts or ratings that are not read, `telling` those of the columns `unread` that say
    more than where a row comes from. `columns` says which column is what, `meanings` what
    each label means and in how many rows.
    """

    form: str
    description: str = ""
    overruled: str = ""
    unread: list[str] = field(default_factory=list)
    telling: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    responses: int = 0
    unrated: int = 0
    unjudged: int = 0
    ties: int = 0
    prompts_without_pair: int = 0
    contradictions: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, dict] = field(default_factory=dict, compare=False)
    judgements: dict[str, int] = field(default_factory=dict)

    def use_names_of_file(self, renames: dict[str, str]) -> None:
        """Calls columns as the file does, where `renames` has other names for them."""
        self.description = in_the_file(self.description, renames)
        self.columns = {role: renames.get(name) or name for role, name in self.columns.items()}
        for meaning in self.meanings.values():
            meaning["means"] = in_the_file(meaning["means"], renames)
