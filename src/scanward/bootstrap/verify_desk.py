"""Puts together what the gateway's HTTP door verifies with, for as long as the gateway runs."""

import contextlib
import secrets
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from scanward.bootstrap.chains import Custody
from scanward.bootstrap.clock import now
from scanward.bootstrap.custody import find_codec, log_folder, make_policy, make_ring, make_sealer
from scanward.bootstrap.stores import Stores
from scanward.bootstrap.verify import CheckedLog, Films
from scanward.errors import StoreError
from scanward.flow.verifying import Verifier
from scanward.model.chains import CustodyReport
from scanward.model.instance import ByteSource
from scanward.model.verdict import Step, Verdict
from scanward.ports.examining import Examiner, Picture

if TYPE_CHECKING:
    from scanward.seal.forensics.lookup import Index

ENGINES = ("numpy", "scipy", "cv2", "pdqhash", "imagecodecs", "c2pa")
"""What looks at pictures takes all of these."""


class FilmDesk:
    """The films that the gateway sealed, for several threads: read once, and what was added since at each look.

    Parameters
    ----------
    stores
        Where they are.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._films = Films(stores)
        self._lock = threading.Lock()

    def look_up(self, look: Callable[[Picture], tuple[Step, str]], picture: Picture) -> tuple[Step, str]:
        """Look for a film in a way that uses `index`; one thread after another.

        Raises
        ------
        StoreError
            Films cannot be read.
        """
        with self._lock:
            try:
                return look(picture)
            except StoreError:
                # A study was deleted since, and its film cannot be compared any more: all anew, without it.
                self._films = Films(self._stores)
                return look(picture)

    def index(self) -> "Index":
        """Return the films as they are now."""
        return self._films.index()


class VerifyDesk:
    """Verifies files and reads custody for the staff page and the API; for several threads.

    Parameters
    ----------
    stores
        Of the gateway.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._ring = make_ring(stores, now)
        self._films = FilmDesk(stores)

    def verify(self, content: ByteSource) -> Verdict:
        """Tell what is known of a file; raises as `scanward.flow.verifying.Verifier.verify`."""
        stores, ring = self._stores, self._ring
        with contextlib.ExitStack() as opened:
            # Made anew each time: a log is as it was when it was opened, and this one grows.
            verifier = Verifier(
                codec=find_codec(),
                spool=stores.spool,
                clock=now,
                draw=secrets.token_bytes,
                sealer=make_sealer(stores, now),
                records=ring.records,
                log=CheckedLog(log_folder(stores), make_policy(stores, ring), now),
                examiner=self._examiner(),
                open_original=lambda object_id: self._open_original(object_id, opened),
            )
            return verifier.verify(content)

    def custody(self, uid: str) -> CustodyReport:
        """Return the custody of a study or an instance; raises as `scanward.bootstrap.chains.Custody.report`."""
        return Custody(self._stores).report(uid)

    def seal_file(self, uid: str) -> bytes:
        """Return the seal file of an instance; raises as `scanward.bootstrap.chains.Custody.seal_file`."""
        return Custody(self._stores).seal_file(uid).encode()

    def _examiner(self) -> Examiner | None:
        """Return what looks at pictures; None where it is not installed."""
        if any(find_spec(name) is None for name in ENGINES):
            return None
        from scanward.adapters.examiner import PictureExaminer

        films = self._films

        class SharedExaminer(PictureExaminer):
            """Looks films up one after another, as the index is not for several threads."""

            def look_up(self, picture: Picture) -> tuple[Step, str]:
                return films.look_up(super().look_up, picture)

        return SharedExaminer(films.index)

    def _open_original(self, object_id: str, opened: contextlib.ExitStack) -> ByteSource | None:
        """Return the bytes of an instance that the gateway still has, open as long as it is compared."""
        stores = self._stores
        instance = stores.ledger.find_instance(object_id)
        if instance is None:
            return None
        key = stores.vault.find_data_key(stores.custody.get_seal(object_id).study_id)
        if key is None:
            return None
        try:
            return opened.enter_context(stores.blobs.open(key, instance.blob))
        except StoreError:
            return None
