"""kombu's transport for Valkey, mended: a running task outlives a restart of Valkey, and is not run twice.

When a connection is lost, kombu 5.7.0 tries to put the messages of running tasks back into the queue. It fails if
Valkey is away, often because it has forgotten the address by then, and that ends the worker: "Unrecoverable error:
'NoneType' object has no attribute 'hostname'". If it succeeds, the tasks are started again while they run.

Nothing needs to be put back: Valkey keeps what it handed out until it is acknowledged. To acknowledge it after the
connection was lost, a channel must remember where Valkey is.
"""

from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """A channel that remembers where Valkey is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = super()._connparams()  # type: ignore[misc] # unknown to the stubs

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return how to reach Valkey; once the connection is gone, as it was reached before."""
        transport = self.connection
        if transport and transport.client:
            return super()._connparams(asynchronous)  # type: ignore[misc,no-any-return]
        return {**self._address}


class Transport(redis.Transport):
    """The transport with those channels."""

    Channel = Channel

    def _collect(self, connection: Any) -> None:
        """Let go of a connection that was lost, or that a fork inherited, and leave handed out what is."""
        for channel in self.channels or ():
            channel.do_restore = False
        with suppress(*self.connection_errors):
            self.close_connection(connection)


def use_mended_transport() -> None:
    """Make `redis://` addresses mean this transport."""
    TRANSPORT_ALIASES["redis"] = f"{__name__}:Transport"
