"""Puts together what the gateway's HTTP door verifies with, for as long as the gateway runs."""

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from scanward.bootstrap.chains import Custody
from scanward.bootstrap.stores import Stores
from scanward.bootstrap.verify import Films, Verifying, VerifyRequest, can_examine
from scanward.errors import StoreError
from scanward.model.chains import CustodyReport
from scanward.model.instance import ByteSource
from scanward.model.verdict import Step, Verdict
from scanward.ports.examining import Examiner, Picture

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def look_up(self, look: "Callable[[Picture], tuple[Step, str]]", picture: Picture) -> tuple[Step, str]:
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

    def index(self) -> Films:
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
        self._request = VerifyRequest(home=stores.home)
        self._examiner = _make_examiner(FilmDesk(stores))

    def verify(self, content: ByteSource) -> Verdict:
        """Tell what is known of a file; raises as `scanward.flow.verifying.Verifier.verify`."""
        # Made anew each time: a log is as it was when it was opened, and this one grows.
        with closing(Verifying(self._request, self._stores, self._stores.spool, self._examiner)) as verifying:
            return verifying.verify(content)

    def custody(self, uid: str) -> CustodyReport:
        """Return the custody of a study or an instance; raises as `scanward.bootstrap.chains.Custody.report`."""
        return Custody(self._stores).report(uid)

    def seal_file(self, uid: str) -> bytes:
        """Return the seal file of an instance; raises as `scanward.bootstrap.chains.Custody.seal_file`."""
        return Custody(self._stores).seal_file(uid).encode()


def _make_examiner(films: FilmDesk) -> Examiner | None:
    """Return what looks at pictures, for several threads; None where it is not installed."""
    if not can_examine():
        return None
    from scanward.adapters.examiner import PictureExaminer

    class SharedExaminer(PictureExaminer):
        """Looks films up one after another, as the index is not for several threads."""

        def look_up(self, picture: Picture) -> tuple[Step, str]:
            return films.look_up(super().look_up, picture)

    return SharedExaminer(films.index)
