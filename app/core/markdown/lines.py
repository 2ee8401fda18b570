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
        column = self.column
        for char in self.rest:
            if char == " ":
                column += 1
            elif char == "\t":
                column += 4 - column % 4
            else:
                break
        return column - self.column

    def skip(self, columns: int) -> None:
        """Skip that many columns of white space, or what there is of them; a tab may be skipped in part."""
        while columns > 0 and self.rest[:1] in (" ", "\t"):
            width = 1 if self.rest[0] == " " else 4 - self.column % 4
            taken = min(width, columns)
            self.rest = " " * (width - taken) + self.rest[1:]
            self.column += taken
            columns -= taken

    def take(self, length: int) -> None:
        """Take characters that are no white space."""
        self.rest = self.rest[length:]
        self.column += length

    def strip(self) -> None:
        """Skip all white space."""
        self.skip(self.indent)

    def copy(self) -> "Line":
        """Give a line to try things on."""
        return Line(self.rest, self.column)
