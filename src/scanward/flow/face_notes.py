"""What was found of the faces of a release is kept for staff: figures, and pictures that show who the patient is.

It lies encrypted under the data key of the study, so that it is gone with that key.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from scanward.errors import StoreError
from scanward.flow.face_texts import decode_volumes, encode_volumes
from scanward.model.faces import FaceVolume
from scanward.model.instance import BytesSource
from scanward.model.release import Release
from scanward.ports.ledger import Ledger
from scanward.ports.stores import Blobs, Vault

MAX_PICTURED = 100
"""So many volumes of a study are kept with pictures; of more, there are figures only."""


class FaceNotes:
    """Keeps what was found of the faces of releases; for any number of threads.

    Parameters
    ----------
    ledger, blobs, vault
        The stores.
    clock
        Tells the time, aware UTC.
    """

    def __init__(self, *, ledger: Ledger, blobs: Blobs, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._vault = vault
        self._clock = clock

    def note(self, release: Release, volumes: Sequence[FaceVolume]) -> None:
        """Keep what was found of the volumes of a release, in the place of what was found before.

        Nothing is done where the same is kept already, as by another unit of the release, or the study's data key was
        destroyed.

        Raises
        ------
        StoreError
            A store could not be read or written; a blob may be left over, which fsck finds.
        """
        former = self._ledger.find_faces(release.release_id)
        key = self._vault.find_data_key(release.study_id)
        if key is None or not (volumes or former):
            return
        blob = ""
        if volumes:
            content = _encode(volumes)
            if former and self._find(key, former) == content:
                return
            blob = self._blobs.put(key, BytesSource(content))
        replaced = self._ledger.note_faces(release.release_id, blob, self._clock())
        if replaced:
            self._blobs.delete(replaced)

    def get(self, release_id: str) -> Sequence[FaceVolume]:
        """Return what was found of the volumes of a release; nothing where nothing is kept.

        Raises
        ------
        UnknownError
            There is no such release.
        StoreError
            A store could not be read.
        """
        release = self._ledger.get_release(release_id)
        blob = self._ledger.find_faces(release_id)
        key = self._vault.find_data_key(release.study_id) if blob else None
        return () if key is None else _decode(self._read(key, blob))

    def _find(self, key: bytes, blob: str) -> bytes | None:
        """Return the content of a blob, None where it is lost: it is stored anew then."""
        with contextlib.suppress(StoreError):
            return self._read(key, blob)
        return None

    def _read(self, key: bytes, blob: str) -> bytes:
        with self._blobs.open(key, blob) as source:
            return source.read(0, source.size)


def _encode(volumes: Sequence[FaceVolume]) -> bytes:
    others = [replace(one, before=b"", after=b"") for one in volumes[MAX_PICTURED:]]
    return json.dumps(encode_volumes([*volumes[:MAX_PICTURED], *others]), sort_keys=True).encode("ascii")


def _decode(content: bytes) -> Sequence[FaceVolume]:
    try:
        return decode_volumes(json.loads(content))
    except (ValueError, LookupError, TypeError):
        raise StoreError("what was found of the faces of a release is not what this version writes") from None
