"""Scanward's Storage SCP without the gateway behind it: each instance is a file, not flushed. Usage: PORT FOLDER."""

import itertools
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scanward.adapters.receive.dimse import DimseServer
from scanward.config import DimseSettings, PeerSettings
from scanward.model.instance import ByteSource
from scanward.model.study import Completion, Origin
from scanward.ports.intake import Receipt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.common.intake import MemoryBook


class Files:
    """Writes files and does no more (implements `scanward.ports.intake.Intake`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = itertools.count()

    def take(self, content: ByteSource, _origin: Origin) -> Receipt:
        """Write an instance."""
        with (self._folder / f"{next(self._count)}.dcm").open("wb", buffering=0) as file:
            file.write(content.read(0, content.size))
        return Receipt(accepted=True)

    def complete(self, _study_uid: str, _how: Completion) -> bool:
        """Do nothing."""
        return False

    def complete_instances(self, _sop_instance_uids: Sequence[str], _how: Completion) -> None:
        """Do nothing."""

    def has(self, _sop_class_uid: str, _sop_instance_uid: str) -> bool:
        """Know nothing."""
        return False


def main() -> None:
    """Serve until the process is told to stop."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    settings = DimseSettings(port=port, peers=(PeerSettings(name="archive", ae_title="STORESCU"),))
    server = DimseServer(settings, Files(folder), folder / "spool", MemoryBook())
    server.start()
    signal.sigwait({signal.SIGTERM})
    server.stop()


if __name__ == "__main__":
    # Before a thread starts, which would take the signal and end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
