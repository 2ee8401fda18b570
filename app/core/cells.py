"""Lines of CSV (RFC 4180) that a spreadsheet takes as text and never as formulae."""

import csv
import io
from collections.abc import Iterable

#: What a formula begins with, the forms of full width among them (OWASP, CSV injection).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def line(cells: Iterable[str | int]) -> str:
    """Write a line; texts that would be formulae have an apostrophe before them."""
    written = io.StringIO()
    csv.writer(written).writerow([_inert(cell) if isinstance(cell, str) else cell for cell in cells])
    return written.getvalue()


def _inert(text: str) -> str:
    is_formula = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return "'" + text if is_formula else text
