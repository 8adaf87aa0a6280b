"""kombu's transports for Valkey, patched: a running task outlives a lost connection, and is not run twice.

When a connection is lost, kombu 5.7.0 tries to requeue the messages of running tasks. This fails if Valkey is
unavailable, often because the channel has lost the address by then, and ends the worker: "Unrecoverable error:
'NoneType' object has no attribute 'hostname'". If it succeeds, the tasks are started again while they run.

Requeueing is not necessary: Valkey keeps delivered messages until they are acknowledged. To acknowledge a message after
the connection was lost, a channel must remember the address of Valkey, or of the Sentinels.

Over TLS (`rediss://`), kombu verifies no certificate unless the address says so. Here it is always verified: a private
authority is named in the address, `?ssl_ca_certs=/path/to/ca.pem`.
"""

import ssl
from contextlib import suppress
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class ChannelPatches:
    """Makes a channel remember the address of Valkey, and verify its certificate."""

    connection: Any  # the transport; None once the channel is closed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._first_pool = self.pool  # type: ignore[attr-defined] # connects on use, even once closed

    def _get_pool(self, asynchronous: bool = False) -> Any:
        """Return a new connection pool; once the address is lost, the first pool, which reconnects."""
        if self.connection and self.connection.client:
            return super()._get_pool(asynchronous)  # type: ignore[misc]
        return self._first_pool

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return the connection parameters."""
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        if any(name.startswith("ssl_") for name in parameters):  # kombu's default is CERT_NONE
            parameters |= {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        return parameters


class TransportPatches:
    """Makes a transport leave messages of running tasks unacknowledged when it loses its connection."""

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
    """Use these transports for `redis://`, `rediss://` and `sentinel://` addresses."""
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:SentinelTransport"


use_mended_transport = use_patched_transports  # former name, until 1.3
