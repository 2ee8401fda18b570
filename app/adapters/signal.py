"""A signal between greenlets."""

from gevent.event import Event as Flag


class Signal:
    """Wakes every greenlet that waits; who comes later waits for the next time."""

    def __init__(self) -> None:
        self._flag = Flag()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the next ``set``; False if ``timeout_s`` passed first."""
        return bool(self._flag.wait(timeout_s))

    def set(self) -> None:
        """Wake all who wait."""
        flag, self._flag = self._flag, Flag()
        flag.set()
