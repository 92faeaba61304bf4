"""Fetches the earlier studies that an agreement asks for along with each study."""

from collections.abc import Callable
from datetime import datetime

from scanward.ports.ledger import Ledger, Registry
from scanward.ports.network import Archive
from scanward.ports.stores import Sealing


class PriorFetcher:
    """Has the archive send priors; they arrive as studies and are decided on as any, for who asked for them.

    Parameters
    ----------
    ledger, registry, sealing
        The stores.
    archive
        Finds and sends them.
    clock
        Tells the time, aware UTC.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        sealing: Sealing,
        archive: Archive,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._sealing = sealing
        self._archive = archive
        self._clock = clock

    def fetch(self, key: str) -> None:
        """Fetch what the recipient's agreement asks for of the study that `key` names (``study id:recipient``).

        Raises
        ------
        NetworkError
            The archive did not do it; what it sent is here, the rest is asked for again.
        """
        study_id, _, recipient_id = key.partition(":")
        recipient = self._registry.find_recipient(recipient_id)
        if recipient is None or recipient.agreement is None or not recipient.agreement.priors:
            return
        study = self._ledger.get_study(study_id)
        if not study.patient.patient_id or not study.study_date:
            return  # nothing tells which studies are this patient's, or which are earlier
        priors = self._archive.find_priors(
            study.patient.patient_id, study.patient.issuer, study.study_date, recipient.agreement.priors
        )
        for study_uid in priors:
            if self._ledger.request_prior(self._sealing.blind("study", study_uid), recipient_id, self._clock()):
                self._archive.fetch(study_uid)
