"""Who may call: a peer is known by its AE Title, the address it calls from, and its certificate where one is named."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from scanward.config import DimseSettings, PeerSettings
from scanward.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """How a connection comes: the address, and the SHA-256 of the certificate, empty where none was shown."""

    address: str
    certificate_sha256: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    peer: PeerSettings
    networks: Sequence[Network]


class PeerTable:
    """The peers of the settings.

    Raises
    ------
    ConfigError
        An address is none, or a certificate is named where nobody is asked to show one.
    """

    def __init__(self, settings: DimseSettings) -> None:
        self._known = [_Known(peer, _networks(peer)) for peer in settings.peers]
        for peer in settings.peers:
            if peer.certificate_sha256 and not settings.authority:
                raise ConfigError(
                    "a peer is known by its certificate, but peers are not asked to show one",
                    remedy="Set the authority of the DICOM door, or leave out certificate_sha256.",
                )

    def find(self, calling_ae: str, caller: Caller) -> PeerSettings | None:
        """Return the peer that this is, or None."""
        address = _address(caller.address)
        for known in self._known:
            peer = known.peer
            if (
                peer.ae_title == calling_ae
                and (not known.networks or any(address in network for network in known.networks))
                and (not peer.certificate_sha256 or _digest(peer) == caller.certificate_sha256)
            ):
                return peer
        return None


def _digest(peer: PeerSettings) -> str:
    return peer.certificate_sha256.replace(":", "").lower()


def _networks(peer: PeerSettings) -> Sequence[Network]:
    try:
        return [ipaddress.ip_network(host) for host in peer.hosts]
    except ValueError:
        raise ConfigError(
            "expected the hosts of a peer as addresses or networks",
            remedy="Write them as 10.1.2.3, 10.1.2.0/24 or fd00::1.",
        ) from None


def _address(text: str) -> Address:
    """Return an address; one of IPv4 that comes through an IPv6 socket is one of IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
