"""A TCP proxy that does to connections what networks do: slices, delays, cuts, resets, swallows, and goes silent."""

import random
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread

#: Makes ``close`` send RST instead of FIN.
_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Weather:
    """What happens to what comes back from the server; may be changed while connections are open.

    ``slice`` bytes at a time, each ``delay_s`` late; after ``cut_after`` bytes, give or take half, the connection
    ends, by reset if ``is_reset``; while ``is_silent`` nothing passes, and nobody is told.
    """

    slice: int = 65_536
    delay_s: float = 0.0
    cut_after: int | None = None
    is_reset: bool = False
    is_silent: bool = False


class Chaos:
    """Listens on a loopback port of its own, and passes on to another."""

    def __init__(self, port: int, weather: Weather | None = None, *, seed: int = 7) -> None:
        self.weather = weather or Weather()
        self.connections = self.cuts = 0
        self.receive: int | None = None  # bytes that may wait here, on the way back; as many as the kernel likes
        self._target, self._random, self._is_over = port, random.Random(seed), Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it, and every connection with it."""
        self._is_over.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                client, _address = self._server.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            Thread(target=self._bring_back, args=(server, client), daemon=True).start()

    def _connect(self) -> socket.socket:
        server = socket.socket()
        if self.receive:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive)
        try:
            server.settimeout(60)
            server.connect(("127.0.0.1", self._target))
        except OSError:
            server.close()
            raise
        return server

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65_536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            _end(server)

    def _bring_back(self, server: socket.socket, client: socket.socket) -> None:
        limit = self.weather.cut_after
        left = limit * self._random.uniform(0.5, 1.5) if limit else float("inf")
        try:
            while data := server.recv(65_536):
                for start in range(0, len(data), self.weather.slice):
                    while self.weather.is_silent and not self._is_over.is_set():
                        time.sleep(0.05)
                    piece = data[start : start + self.weather.slice]
                    time.sleep(self.weather.delay_s)
                    client.sendall(piece)
                    left -= len(piece)
                    if left <= 0:
                        self.cuts += 1
                        return
        except OSError:
            pass
        finally:
            if self.weather.is_reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            _end(client)
            _end(server)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
