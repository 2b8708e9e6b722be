"""Names and line styles of methods in tables and figures."""

from lens.report.figures import line_style
from lens.reward.method import NO_LOOK
from lens.reward.methods import METHODS
from lens.textspace.methods import TEXT_METHODS

PRINTED = {name: (method.label, method.look) for name, method in METHODS.items()}
PRINTED |= {name: (row.label, row.look) for name, row in TEXT_METHODS.items()}


def method_name(method: str) -> str:
    """A method's label; for an unknown method its name."""
    return PRINTED[method][0] if method in PRINTED else method.replace("_", " ").capitalize()


def line_look(method: str) -> dict[str, str]:
    """Colour, line and marker of a method; thin grey for an unknown one."""
    return line_style(*(PRINTED[method][1] if method in PRINTED else NO_LOOK))
