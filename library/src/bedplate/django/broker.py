"""kombu's transports for Valkey, patched: a running task outlives a lost connection, and is not run twice.

When a connection is lost, kombu 5.7.0 tries to put the messages of running tasks back into the queue. It fails if
Valkey is away, often because it has forgotten the address by then, and that ends the worker: "Unrecoverable error:
'NoneType' object has no attribute 'hostname'". If it succeeds, the tasks are started again while they run.

Nothing needs to be put back: Valkey keeps what it handed out until it is acknowledged. To acknowledge it after the
connection was lost, a channel must remember where Valkey is, or which Sentinels know.

Over TLS (`rediss://`), kombu verifies no certificate unless the address says so. Here it is always verified: a private
authority is named in the address, `?ssl_ca_certs=/path/to/ca.pem`.
"""

import ssl
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class ChannelPatches:
    """Has a channel remember how to reach Valkey, and verify its certificate."""

    connection: Any  # the transport; None once the channel is closed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._first_pool = self.pool  # type: ignore[attr-defined] # connects when it is used, a closed one too

    def _get_pool(self, asynchronous: bool = False) -> Any:
        """Return new connections to Valkey; once the address is gone, those of before, which connect again."""
        if self.connection and self.connection.client:
            return super()._get_pool(asynchronous)  # type: ignore[misc]
        return self._first_pool

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return how to reach Valkey."""
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        if any(name.startswith("ssl_") for name in parameters):  # kombu's default is CERT_NONE
            parameters |= {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        return parameters


class TransportPatches:
    """Has a transport leave messages of running tasks unacknowledged when it loses its connection."""

    channels: Any
    connection_errors: Any

    def _collect(self, connection: Any) -> None:
        """Close a connection that was lost, or that a fork inherited, without requeueing unacknowledged messages."""
        for channel in self.channels or ():
            channel.do_restore = False
        with suppress(*self.connection_errors):
            self.close_connection(connection)  # type: ignore[attr-defined]


class Channel(ChannelPatches, redis.Channel):
    """A channel to Valkey."""


class SentinelChannel(ChannelPatches, redis.SentinelChannel):
    """A channel to the primary that Sentinel names."""


class Transport(TransportPatches, redis.Transport):
    """The transport to Valkey, over TLS or not."""

    Channel = Channel


class SentinelTransport(TransportPatches, redis.SentinelTransport):
    """The transport to the primary that Sentinel names."""

    Channel = SentinelChannel


def use_patched_transports() -> None:
    """Have `redis://`, `rediss://` and `sentinel://` addresses mean these transports."""
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"
