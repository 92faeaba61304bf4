"""C-STORE as a door out (PS3.4 Annex B; implements :class:`scanward.ports.network.Sender`).

Trust: over TLS the peer is whom its certificate says it is; without TLS it is whoever answers at that address, which is
for a network of the hospital's own only.
"""

from collections.abc import Iterator, Sequence

from scanward.adapters.dimse_client import RemoteAe, client_context, deliver
from scanward.errors import ConfigError
from scanward.model.agreement import DimseEndpoint
from scanward.model.release import DeliveryReport
from scanward.ports.network import Outgoing

MAX_AE_TITLE_LENGTH = 16
"""PS3.5 Table 6.2-1, AE."""


class DimseSender:
    """Sends to a Storage SCP, many files on one association, each in the Transfer Syntax it has.

    Parameters
    ----------
    endpoint
        The SCP.

    Raises
    ------
    ConfigError
        When nothing could ever be sent this way.
    """

    def __init__(self, endpoint: DimseEndpoint) -> None:
        for title in (endpoint.called_ae, endpoint.calling_ae):
            if not 0 < len(title.strip(" ")) <= len(title) <= MAX_AE_TITLE_LENGTH or not title.isascii():
                raise ConfigError(f"expected AE Titles of 1 to {MAX_AE_TITLE_LENGTH} ASCII characters")
        if endpoint.tls is not None:
            client_context(endpoint.tls)  # so that files that cannot be used are found before anything is sent
        self._remote = RemoteAe(
            host=endpoint.host,
            port=endpoint.port,
            ae_title=endpoint.called_ae,
            calling_ae=endpoint.calling_ae,
            tls=endpoint.tls,
        )

    def send(self, files: Sequence[Outgoing]) -> Iterator[DeliveryReport]:
        """Send files on as few associations as they need; what the SCP does not take is reported, the others go on."""
        return deliver(self._remote, files)
