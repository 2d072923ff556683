"""One connection to a client: sending, waiting, and the several ways to break off."""

import asyncio
import contextlib
import socket
import struct

_LINGER_S = 1.0
_DISCARD = 256 * 1024
_LOOK_S = 0.05  # how often a wait looks whether the client is still there


class ClientGoneError(Exception):
    """The client closed the connection before its answer was complete."""


class Line:
    """The server's end of a connection. `open` is false once it can take no further request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer
        self.open = True
        self.idle = True  # between two requests
        writer.transport.set_write_buffer_limits(high=0)  # so that `send` returns when the kernel has the bytes

    @property
    def gone(self) -> bool:
        """Whether the client closed its end."""
        return self.reader.at_eof() or self._writer.is_closing()

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        if self.gone:
            raise ClientGoneError
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError as gone:
            raise ClientGoneError from gone

    async def pause(self, seconds: float) -> None:
        """Wait, but not for a client that has gone."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_S))
            if self.gone:
                raise ClientGoneError

    async def say_last(self, data: bytes) -> None:
        """Send a last answer and take in what the client still sends: closing on unread bytes would destroy it."""
        await self.send(data)
        with contextlib.suppress(OSError):  # it has gone, or the time is up
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while await self.reader.read(_DISCARD):
                    pass

    async def close(self) -> None:
        """Close it cleanly: what was sent arrives."""
        self.open = False
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """Close it with a TCP reset."""
        self.open = False
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
