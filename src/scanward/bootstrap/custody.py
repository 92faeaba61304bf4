"""Puts sealing, stating and the log together."""

import secrets
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from scanward.adapters.seal_file import policy_of
from scanward.adapters.signing.held import KeyRingWithHeld, read_held_key
from scanward.adapters.tlog.folder import FolderLog
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.bootstrap.stores import Stores
from scanward.flow.notary import Notary
from scanward.flow.sealing import Sealer, SealingTools
from scanward.model.signing import KeyUse
from scanward.ports.engines import FrameCodec, FrameSource
from scanward.tlog.checkpoint import Checkpoint, Policy
from scanward.tlog.note import NoteKey

LOG = "log"
"""Folder of the log in the home folder."""


def find_codec() -> FrameCodec | None:
    """Return what decodes frames, or None where it is not installed."""
    if any(find_spec(name) is None for name in ("numpy", "imagecodecs", "cv2")):
        return None
    from scanward.adapters.engines.frames import ImageCodec

    return ImageCodec()


def find_describer() -> Callable[[FrameSource], bytes] | None:
    """Return what describes films, or None where it is not installed."""
    if any(find_spec(name) is None for name in ("numpy", "cv2", "pdqhash", "imagecodecs")):
        return None

    def describe_film(frames: FrameSource) -> bytes:
        from scanward.adapters.engines.pictures import grey_of
        from scanward.seal.forensics.features import describe, encode_film

        return encode_film(describe(grey_of(frames)))

    return describe_film


def origin_of(stores: Stores) -> str:
    """Return the name of the log: as the settings say, else made of the id of the master key."""
    return stores.settings.log.origin or f"scanward/{stores.keys.key_id()}"


def log_folder(stores: Stores) -> Path:
    """Return where the log is."""
    return Path(stores.settings.log.path) if stores.settings.log.path else stores.home / LOG


def make_ring(stores: Stores, clock: Callable[[], datetime]) -> KeyRingWithHeld:
    """Return the keys that sign; raises `ConfigError` where one that a program holds is not as it has to be."""
    held = [(one.command, read_held_key(Path(one.public_key))) for one in stores.settings.log.signers]
    return KeyRingWithHeld(stores.home, clock, held)


def make_tools(stores: Stores, clock: Callable[[], datetime]) -> SealingTools:
    """Return what sealing takes."""
    return SealingTools(
        book=stores.custody,
        blobs=stores.blobs,
        vault=stores.vault,
        sealing=stores.sealing,
        codec=find_codec(),
        spool=stores.spool,
        clock=clock,
        draw=secrets.token_bytes,
        describe=find_describer(),
    )


def make_sealer(stores: Stores, clock: Callable[[], datetime]) -> Sealer:
    """Return what seals."""
    return Sealer(make_tools(stores, clock))


def log_keys(stores: Stores, ring: KeyRingWithHeld) -> tuple[NoteKey, ...]:
    """Return the keys that sign checkpoints or signed them, compromised ones too."""
    return tuple(NoteKey.from_record(one, origin_of(stores)) for one in ring.records() if one.use is KeyUse.LOG)


def make_policy(stores: Stores, ring: KeyRingWithHeld) -> Policy:
    """Return whom to believe about the log of this gateway: no key that somebody else may have.

    Witnesses are heard, and none is needed.
    """
    witnesses = tuple(NoteKey.parse(one.key) for one in stores.settings.log.witnesses)
    return policy_of(origin_of(stores), ring.records(), witnesses, threshold=stores.settings.log.threshold)


def open_log(stores: Stores, ring: KeyRingWithHeld, head: tuple[int, str] | None) -> FolderLog:
    """Open the log for appending, once it is seen to go on from what the ledger knows of it.

    Raises
    ------
    EvidenceError
        It is shorter than it was, or another one.
    StoreError, SigningError
        It cannot be read or written, or a key refuses.
    """
    folder, signer = log_folder(stores), ring.signer(KeyUse.LOG)
    log = FolderLog(
        folder,
        origin=origin_of(stores),
        signers=[signer, *ring.held],
        known=log_keys(stores, ring),
        least=0 if head is None else head[0],
    )
    try:
        if head is not None:
            size, root = head
            log_now = VerifiedLog.open(FolderReader(folder), make_policy(stores, ring))
            log_now.follow(Checkpoint(origin=origin_of(stores), size=size, root=bytes.fromhex(root)))
    except BaseException:
        log.close()
        raise
    return log


def make_notary(stores: Stores, clock: Callable[[], datetime]) -> Notary:
    """Return what states, and appends to the log."""
    ring = make_ring(stores, clock)
    tools = make_tools(stores, clock)
    return Notary(
        ledger=stores.ledger,
        tools=tools,
        sealer=Sealer(tools),
        signer=lambda: ring.signer(KeyUse.STATEMENTS),
        origin=origin_of(stores),
        open_log=lambda head: open_log(stores, ring, head),
    )
