"""Reads what a server sends as it gathers: all of it at each beat, instead of waking up for every piece."""

import ssl
from typing import Any
from weakref import ref

import gevent

from app.adapters.pulse import Pulse

#: What is read in one go, in bytes; where more is there, others have their turn before it.
_MOST = 16_384


class Gathering:
    """Stands before the connection of one response, from ``is_flowing`` on; ``end`` takes it away again.

    ``network_stream`` is what httpx2 gives a response as its extension of that name.
    """

    def __init__(self, network_stream: Any, pulse: Pulse) -> None:
        self.is_flowing = False
        self._stream, self._pulse = ref(network_stream), pulse  # weak: it holds this, and is to go when nobody has it
        self._socket = network_stream.get_extra_info("socket")
        # Of TLS a call of recv gives one record, so one of Claude's events: a short one says nothing.
        self._is_tls = isinstance(self._socket, ssl.SSLSocket)
        self._is_dry = self._is_full = False
        network_stream.read = self.read

    @classmethod
    def of(cls, network_stream: Any, pulse: Pulse) -> "Gathering | None":
        """Make one where it can be known what has come: not for TLS through a proxy that speaks TLS itself."""
        if network_stream is None:  # there is no network
            return None
        is_plain = network_stream.get_extra_info("ssl_object") is None
        is_known = is_plain or isinstance(network_stream.get_extra_info("socket"), ssl.SSLSocket)
        return cls(network_stream, pulse) if is_known else None

    def end(self) -> None:
        """Leave the connection as it was: another response may come on it."""
        if (stream := self._stream()) is not None:
            vars(stream).pop("read", None)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read as httpcore2 does; once text flows, no more than what is there, and nothing before the next beat."""
        if not self.is_flowing:
            return self._read(max_bytes, timeout)
        if self._is_dry:
            self._pulse.wait()
        elif self._is_full:
            gevent.sleep(0)
        most = min(max_bytes, _MOST)
        data = self._read(most, timeout)
        if self._is_tls and data:
            data = self._more(data, most)
        self._is_full = len(data) >= most
        self._is_dry = not self._is_full
        return data

    def _read(self, max_bytes: int, timeout: float | None) -> bytes:
        stream: Any = self._stream()
        return bytes(type(stream).read(stream, max_bytes, timeout))

    def _more(self, data: bytes, most: int) -> bytes:
        """Read the records that have come after a first; what is wrong with one, the next read will say."""
        records, size = [data], len(data)
        self._socket.settimeout(0)
        try:
            while size < most and records[-1]:
                records.append(self._socket.recv(most - size))
                size += len(records[-1])
        except OSError:  # most often, SSLWantReadError
            pass
        return b"".join(records)
