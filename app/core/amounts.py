"""What is spent, in figures; money is counted in micros, millionths of a dollar."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

_MICROS = 1_000_000
_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


@dataclass(frozen=True, slots=True)
class Spent:
    """What some calls used and cost; input counts what was written to or read from the cache."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    micros: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.micros + other.micros,
        )


def dollars(micros: int) -> str:
    """Write an amount: two decimals, under a dollar up to four significant digits, as in $0.0123 and $1,234.50."""
    return _written(micros, _places(micros))


def alike(amounts: Iterable[int]) -> Callable[[int], str]:
    """Give what writes these amounts one below the other: all with the decimals of the one that has the most."""
    places = max(map(_places, amounts), default=2)
    return lambda micros: _written(micros, places)


def exact(micros: int) -> str:
    """Write an amount in dollars for programs, with all its digits."""
    return f"{Decimal(micros) / _MICROS:.6f}"


def short(count: int) -> str:
    """Write a number that may be large: to 99,999 as it is, then three digits of it, as in 28.8 M."""
    if count < 100_000:
        return f"{count:,}"
    value, unit = next((count / scale, unit) for scale, unit in _UNITS if count >= scale * 0.9995)
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}\u00a0{unit}"


def _places(micros: int) -> int:
    value = Decimal(micros) / _MICROS
    if 0 < abs(value) < 1:
        value = Decimal(f"{value:.3e}")
    return max(2, -int(value.normalize().as_tuple().exponent)) if abs(value) < 1 else 2


def _written(micros: int, places: int) -> str:
    value = Decimal(micros) / _MICROS
    return f"{'-' * (value < 0)}${abs(value):,.{places}f}"
