"""Desks find each other on the LAN: each says over multicast DNS where it serves (RFC 6762, RFC 6763; promise S8).

What is said proves nothing: whoever is found is met like any peer, and has to prove its device (`sync.handshake`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import ifaddr
from msgspec import Struct
from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

log = logging.getLogger("sync")
KIND: Final = "_tahuri._tcp.local."
_ASK_MS: Final = 3000
ADDRESSES_MOST: Final = 4
_OTHERS_S: Final = 0.5
_FAREWELL_S: Final = 2.0
KNOWN_MOST: Final = 256
"""Neighbours remembered, so that a machine that invents names fills nobody's memory."""


class Neighbour(Struct, frozen=True):
    """A desk that says it serves; `hub`: whether it says that it reaches the hub."""

    replica: int
    urls: tuple[str, ...]
    hub: bool


class Discovery:
    """Says that this replica serves at `port` (0 = it only looks), and knows who else of `site` does.

    Lives in one asyncio loop. `interfaces` are the IPv4 addresses to speak on, () = all. Raises OSError where the
    machine has no network.
    """

    def __init__(
        self, site: str, replica: int, port: int, interfaces: tuple[str, ...], found: Callable[[], None]
    ) -> None:
        self._site, self._replica, self._port, self._found = site, replica, port, found
        self._interfaces = interfaces
        self._name = f"tahuri-{replica:08x}.{KIND}"
        self._known: dict[str, Neighbour] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._hub = False

    async def __aenter__(self) -> Discovery:
        where = list(self._interfaces) or InterfaceChoice.All
        self._zeroconf = AsyncZeroconf(interfaces=where, ip_version=IPVersion.V4Only)
        # Cooperating: no probe that waits a second for a rival of this name; a replica's number is its own.
        if self._port:
            self._keep(await self._zeroconf.async_register_service(self._info(), cooperating_responders=True))
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, KIND, handlers=[self._changed])
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The network may be gone, and then nobody need hear the farewell.
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._browser.async_cancel()
                await self._zeroconf.async_unregister_all_services()
        await self._zeroconf.async_close()

    @property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """Everybody heard of, those that reach the hub first, then by replica: every desk has the same order."""
        return tuple(sorted(self._known.values(), key=lambda found: (not found.hub, found.replica)))

    async def reaches_hub(self, hub: bool) -> None:
        """Tell the others whether the hub can be reached from here."""
        if hub != self._hub:
            self._hub = hub
            self._keep(await self._zeroconf.async_update_service(self._info()))

    def _info(self) -> AsyncServiceInfo:
        said = {"site": self._site, "replica": str(self._replica), "hub": str(int(self._hub))}
        return AsyncServiceInfo(
            KIND, self._name, port=self._port, properties=said, server=f"tahuri-{self._replica:08x}.local.",
            parsed_addresses=list(self._interfaces) or own_addresses(),
        )  # fmt: skip

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """On the loop: zeroconf's browser of asyncio calls it there."""
        if state_change is ServiceStateChange.Removed:
            if self._known.pop(name, None):
                self._found()
        elif name != self._name and (name in self._known or len(self._known) < KNOWN_MOST):
            self._keep(self._ask(name))

    def _keep(self, going_on: Awaitable[None]) -> None:
        """Something that takes its time, and ends with this."""
        task = asyncio.ensure_future(going_on)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, name: str) -> None:
        info = AsyncServiceInfo(KIND, name)
        if not await info.async_request(self._zeroconf.zeroconf, _ASK_MS):
            return
        found = _read(info, self._site)
        if found is not None and found.replica != self._replica and self._known.get(name) != found:
            log.info("replica %d serves at %s", found.replica, " ".join(found.urls))
            self._known[name] = found
            self._found()


def _read(info: AsyncServiceInfo, site: str) -> Neighbour | None:
    """What a stranger says, None where it is none of this site's or makes no sense."""
    said = info.decoded_properties
    replica, addresses = said.get("replica") or "", info.parsed_addresses(IPVersion.V4Only)[:ADDRESSES_MOST]
    if said.get("site") != site or not (replica.isascii() and replica.isdigit() and 0 < len(replica) <= 10):
        return None
    if not addresses or not info.port:
        return None
    urls = tuple(f"https://{address}:{info.port}" for address in addresses)
    return Neighbour(int(replica), urls, said.get("hub") == "1")


async def nearby(site: str, interfaces: tuple[str, ...], within_s: float) -> tuple[Neighbour, ...]:
    """The desks of a site that say they serve here, once one is heard of and half a second more; at most `within_s`."""
    heard = asyncio.Event()
    try:
        async with Discovery(site, 0, 0, interfaces, heard.set) as discovery:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await heard.wait()
                    await asyncio.sleep(_OTHERS_S)
            return discovery.neighbours
    except OSError as error:
        log.info("nobody can be looked for here: %s", error)
        return ()


def own_addresses() -> list[str]:
    """This machine's own IPv4 addresses but loopback, those somebody on the LAN could reach."""
    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return sorted(address for address in found if not ipaddress.IPv4Address(address).is_loopback)
