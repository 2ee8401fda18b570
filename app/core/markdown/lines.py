"""One line of a text, read from the left, with tabs as columns (CommonMark 0.31.2, 2.2)."""

from dataclasses import dataclass


@dataclass(slots=True)
class Line:
    """What is left of a line, and the column at which it starts."""

    rest: str
    column: int = 0

    @property
    def is_blank(self) -> bool:
        """Whether nothing is left but white space."""
        return not self.rest.strip(" \t")

    @property
    def indent(self) -> int:
        """How many columns of white space come next."""
        white = self.rest[: len(self.rest) - len(self.rest.lstrip(" \t"))]
        if "\t" not in white:
            return len(white)
        before = self.column % 4
        return len((" " * before + white).expandtabs(4)) - before

    def skip(self, columns: int) -> None:
        """Skip that many columns of white space, or what there is of them; a tab may be skipped in part."""
        end, column, at = self.column + columns, self.column, 0
        while column < end and at < len(self.rest) and self.rest[at] in " \t":
            column += 1 if self.rest[at] == " " else 4 - column % 4
            at += 1
        self.rest = " " * (column - end) + self.rest[at:]
        self.column = min(column, end)

    def take(self, length: int) -> None:
        """Take characters that are no white space."""
        self.rest = self.rest[length:]
        self.column += length

    def strip(self) -> None:
        """Skip all white space."""
        self.column += self.indent
        self.rest = self.rest.lstrip(" \t")

    def copy(self) -> "Line":
        """Give a line to try things on."""
        return Line(self.rest, self.column)
