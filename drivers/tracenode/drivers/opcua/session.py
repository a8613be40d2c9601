"""One connection to a controller's OPC UA server. Nothing of asyncua's errors gets past here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from tracenode.drivers.link.hints import words
from tracenode.drivers.opcua.options import OpcUaOptions
from tracenode.models.device_errors import DeviceException, LinkLost, NoAnswer
from tracenode.models.errors import BadSetting

__all__ = ["Session", "Watched"]

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for socket, channel and session together."""
CLOSE_TIMEOUT: Final = 1.0
SESSION_TIMEOUT: Final = 30.0
"""Seconds that a server keeps a session whose client is gone; controllers have few sessions."""
WATCH: Final = 2.0
"""Seconds between two looks whether the server still answers."""
QUEUE_SIZE: Final = 100
"""Values of a node that the server keeps between two publishings."""
KEEP_ALIVE: Final = 2.0
"""Seconds, about: without news the server says so often that it is there."""
LIFETIMES: Final = 10
"""Keep-alives without us after which the server gives up the subscription; 3 at least."""
INBOX: Final = 16
"""Notifications that wait for their reader, before no further one is asked for."""
MOST_ITEMS: Final = 100
"""Monitored items asked for in one request."""

_LOST: Final = frozenset(
    getattr(StatusCodes, name)
    for name in (
        "BadCommunicationError",
        "BadConnectionClosed",
        "BadConnectionRejected",
        "BadNotConnected",
        "BadSecureChannelClosed",
        "BadSecureChannelIdInvalid",
        "BadSecureChannelTokenUnknown",
        "BadServerHalted",
        "BadSessionClosed",
        "BadSessionIdInvalid",
        "BadSessionNotActivated",
        "BadShutdown",
        "BadSubscriptionIdInvalid",
        "BadTimeout",
    )
)
_HINTS: Final = {
    StatusCodes.BadCertificateUntrusted: "trust our certificate at the server",
    StatusCodes.BadSecurityChecksFailed: "trust our certificate at the server",
    StatusCodes.BadIdentityTokenRejected: "check user and password",
    StatusCodes.BadUserAccessDenied: "check user and password",
    StatusCodes.BadIdentityTokenInvalid: "does the server want a user?",
    StatusCodes.BadTooManySessions: "the server has no session left",
    StatusCodes.BadTcpEndpointUrlInvalid: "check the path of the link",
}

PEM: Final = b"-----BEGIN "

Watched = tuple[ua.NodeId, str | None, float]
"""What is monitored: node, index range, sampling interval in ms (-1: that of publishing)."""


class Session:
    """Opened once and closed once; a lost one is not mended but replaced by the next."""

    def __init__(self, device: str, endpoint: str, options: OpcUaOptions, folder: Path) -> None:
        """`folder`: where relative files of the configuration are."""
        self._device, self._endpoint = device, endpoint
        self._options, self._folder = options, folder
        self._within = options.timeout_ms / 1000
        self._client = Client(endpoint, timeout=self._within, watchdog_intervall=WATCH)
        self._client.name = self._client.description = "tracenode"
        self._client.session_timeout = int(SESSION_TIMEOUT * 1000)
        self._client.connection_lost_callback = self._on_lost
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._inbox: asyncio.Queue[ua.PublishResult] = asyncio.Queue(INBOX)
        self._subscription: int | None = None
        self._silence = 0.0
        # Each loss is told by the supervisor, once, and not by its client with a traceback.
        logging.getLogger("asyncua.client").setLevel(logging.CRITICAL)

    # ------------------------------------------------------------- life
    async def open(self) -> None:
        """Connect.

        Raises:
            LinkLost: no session came about; says what to check.
            BadSetting: a file or a secret of the configuration can't be had.
        """
        await self._prepare()
        try:
            with self._translated():
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._client.connect()
        except DeviceException as error:
            raise LinkLost(self._endpoint, self._advice(error)) from error
        except NoAnswer as error:
            raise LinkLost(self._endpoint, f"no session within {error.seconds:g} s") from error
        except asyncio.CancelledError:
            self._client.disconnect_socket()
            raise

    async def close(self) -> None:
        """Close session, channel and socket; never raises for a link that is gone."""
        protocol = self._client.uaclient.protocol
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._client.disconnect()
        self._client.disconnect_socket()
        if protocol is not None and protocol.transport is not None:
            # A close would wait for a peer that takes nothing any more.
            protocol.transport.abort()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop

    async def lost(self) -> None:
        """Wait for the end of the link.

        Raises:
            LinkLost: always.
        """
        raise LinkLost(self._endpoint, await asyncio.shield(self._lost))

    async def _prepare(self) -> None:
        """Read what the configuration refers to."""
        options, client = self._options, self._client
        if options.user and options.password is not None:
            client.set_user(options.user)
            client.set_password(options.password.read(self._folder))
        if not options.secured:
            return
        policy_name, _, mode = options.security.partition(".")
        policy = getattr(security_policies, f"SecurityPolicy{policy_name}")
        names = (options.certificate, options.key, options.server_certificate)
        own_file, key_file, server_file = (self._folder / name for name in names)
        try:
            own, server, key = _certificate(own_file), _certificate(server_file), _key(key_file)
        except (OSError, ValueError, TypeError) as error:
            expected = "certificate, key and server_certificate as DER or PEM, without passphrase"
            raise BadSetting(expected, str(error)) from error
        client.application_uri = _application_uri(own) or client.application_uri
        client.security_policy = policy(
            server, own, key, getattr(ua.MessageSecurityMode, mode), host_cert_chain=[]
        )
        client.uaclient.set_security(client.security_policy)

    async def _on_lost(self, error: Exception) -> None:
        gone = isinstance(error, ConnectionError)
        self._end("the connection is gone" if gone else "the server does not answer")

    def _end(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)

    # ------------------------------------------------------------- services
    async def namespaces(self) -> Sequence[str]:
        """Return the server's namespaces, in their order."""
        with self._translated():
            return await self._client.get_namespace_array()

    async def read(self, node: ua.NodeId, index_range: str | None = None) -> ua.DataValue:
        """Read a value; a StatusCode that is not good stands in it.

        Raises:
            NoAnswer, LinkLost, DeviceException: the whole request failed.
        """
        asked = ua.ReadParameters()
        asked.NodesToRead = [ua.ReadValueId(node, AttributeIds.Value, index_range)]
        asked.TimestampsToReturn = ua.TimestampsToReturn.Both
        with self._translated():
            (value,) = await self._client.uaclient.session.read(asked)
        return value

    async def write(
        self, node: ua.NodeId, value: ua.Variant, index_range: str | None = None
    ) -> None:
        """Write a value, without time or status, which few servers take.

        Raises:
            DeviceException: the server refused, with its StatusCode.
            NoAnswer, LinkLost: the outcome is unknown.
        """
        asked = ua.WriteParameters()
        given = ua.DataValue(value, StatusCode=None)
        asked.NodesToWrite = [ua.WriteValue(node, AttributeIds.Value, index_range, given)]
        with self._translated():
            (status,) = await self._client.uaclient.session.write(asked)
            status.check()

    async def subscribe(self, publishing_ms: float) -> None:
        """Create the subscription that `monitor` adds to and `notification` reads from."""
        asked = ua.CreateSubscriptionParameters()
        asked.RequestedPublishingInterval = publishing_ms
        asked.RequestedMaxKeepAliveCount = max(1, round(KEEP_ALIVE * 1000 / publishing_ms))
        asked.RequestedLifetimeCount = LIFETIMES * asked.RequestedMaxKeepAliveCount
        asked.PublishingEnabled = True
        with self._translated():
            made = await self._client.uaclient.session.create_subscription(asked, self._inbox.put)
        self._subscription = made.SubscriptionId
        period = made.RevisedPublishingInterval / 1000
        # Three keep-alives, and the request that one of them may wait for.
        self._silence = 3 * period * max(1, made.RevisedMaxKeepAliveCount) + self._within

    async def monitor(self, watched: Sequence[tuple[int, Watched]]) -> Sequence[ua.StatusCode]:
        """Add values to the subscription, each with a handle of ours; return what the server says
        to each."""
        statuses: list[ua.StatusCode] = []
        for first in range(0, len(watched), MOST_ITEMS):
            asked = ua.CreateMonitoredItemsParameters()
            asked.SubscriptionId = self._subscription
            asked.TimestampsToReturn = ua.TimestampsToReturn.Both
            asked.ItemsToCreate = [_item(*each) for each in watched[first : first + MOST_ITEMS]]
            with self._translated():
                made = await self._client.uaclient.session.create_monitored_items(asked)
            statuses += [result.StatusCode for result in made]
        return statuses

    async def notification(self) -> ua.NotificationMessage:
        """Return the next notification; one without data is a keep-alive.

        Raises:
            LinkLost: nothing came for three keep-alives.
        """
        try:
            async with asyncio.timeout(self._silence):
                result = await self._inbox.get()
        except TimeoutError as error:
            silence = f"nothing published for {self._silence:g} s"
            raise LinkLost(self._endpoint, silence) from error
        message: ua.NotificationMessage = result.NotificationMessage
        return message

    # ------------------------------------------------------------- errors
    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise NoAnswer(self._device, self._within) from error
        except OSError as error:
            raise LinkLost(self._endpoint, words(error)) from error
        except UaStatusCodeError as error:
            name = ua.StatusCode(error.code).name
            if error.code in _LOST:
                raise LinkLost(self._endpoint, name) from error
            raise DeviceException(self._device, error.code, name) from error
        except UaError as error:
            raise LinkLost(self._endpoint, str(error)) from error

    def _advice(self, error: DeviceException) -> str:
        hint = _HINTS.get(error.code)
        return f"{error.meaning} ({hint})" if hint else error.meaning


def _item(handle: int, watched: Watched) -> ua.MonitoredItemCreateRequest:
    node, index_range, sampling_ms = watched
    asked = ua.MonitoredItemCreateRequest()
    asked.ItemToMonitor = ua.ReadValueId(node, AttributeIds.Value, index_range)
    asked.MonitoringMode = ua.MonitoringMode.Reporting
    asked.RequestedParameters = ua.MonitoringParameters(
        ClientHandle=handle,
        SamplingInterval=sampling_ms,
        QueueSize=QUEUE_SIZE,
        DiscardOldest=True,
    )
    return asked


def _certificate(file: Path) -> x509.Certificate:
    """Raises OSError, ValueError."""
    raw = file.read_bytes()
    load = x509.load_pem_x509_certificate if PEM in raw else x509.load_der_x509_certificate
    return load(raw)


def _key(file: Path) -> PrivateKeyTypes:
    """Raises OSError, ValueError; TypeError where it wants a passphrase."""
    raw = file.read_bytes()
    if PEM in raw:
        return serialization.load_pem_private_key(raw, None)
    return serialization.load_der_private_key(raw, None)


def _application_uri(certificate: x509.Certificate) -> str:
    """Return the URI that a certificate is for; servers compare it with what the client says."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")
