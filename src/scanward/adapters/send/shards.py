"""Outputs of shards: put aside by workers, published by the process that gave the command.

Trust: as the folder of the outputs. What is put aside was checked; it is not in its place before the whole shard is
done and the run that asked for it takes it.
"""

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from scanward.adapters.send.folder import OutputFolder
from scanward.errors import OutputError
from scanward.model.instance import CheckedInstance, Placement
from scanward.model.text import DocumentOutcome

ASIDE = ".scanward-shards"
"""Folder inside the folder of outputs for those of shards."""

_NAME = re.compile(r"[0-9a-f]{8,64}(?:-[0-9a-f]{8})?")


class ShardFolder:
    """Where the outputs of one shard after the other are put aside (implements `ports.jobs.ShardOutput`).

    Parameters
    ----------
    out
        The folder of the outputs.
    folder
        Name of the job's folder in it, made by who gave the command.
    """

    def __init__(self, out: Path, folder: str) -> None:
        self._folder = _inside(out / ASIDE, folder)
        self._output: OutputFolder | None = None
        self._withdrawn: list[Placement] = []

    def begin(self, shard_id: str) -> str:
        """Begin a shard and return the name of its folder, which no other try of it has."""
        self.close()
        if not self._folder.is_dir():
            raise OutputError(
                "the folder of the outputs of a batch cannot be seen from here",
                remedy="Mount the same file systems at the same places on every worker.",
            )
        name = f"{shard_id}-{secrets.token_hex(4)}"
        output = OutputFolder(_inside(self._folder, name))
        output.prepare()
        self._output, self._withdrawn = output, []
        return name

    def write(self, checked: CheckedInstance) -> str:
        """Put an instance aside and return the path that it will have; raises `OutputError`."""
        return self._begun().write(checked)

    def write_document(self, folder: str, name: str, document: DocumentOutcome) -> str:
        """Put a document aside and return the path that it will have; raises `OutputError`."""
        return self._begun().write_document(folder, name, document)

    def withdraw(self, placement: Placement) -> None:
        """Note that what an earlier run put at `placement` has to go."""
        self._begun()
        self._withdrawn.append(placement)

    def end(self) -> Sequence[Placement]:
        """Make the outputs outlive a power cut; return what was to be withdrawn."""
        self._begun().sync()
        self.close()
        return self._withdrawn

    def discard(self, folder: str) -> None:
        """Remove the folder of a shard."""
        self.close()
        shutil.rmtree(_inside(self._folder, folder), ignore_errors=True)

    def close(self) -> None:
        """Give up the shard that is under way, if any."""
        if self._output is not None:
            self._output.close()
            self._output = None

    def _begun(self) -> OutputFolder:
        if self._output is None:
            raise OutputError("expected a shard to be under way, got none")
        return self._output


class ShardPublisher:
    """Brings what was put aside to its place (implements `ports.jobs.Publisher`).

    Parameters
    ----------
    output
        The folder of the outputs, prepared by this process.
    out, folder
        As for `ShardFolder`.
    """

    def __init__(self, output: OutputFolder, out: Path, folder: str) -> None:
        self._output = output
        self._aside = out / ASIDE
        self._folder = _inside(self._aside, folder)

    def prepare(self) -> None:
        """Make the folder of the job, and clear away those of jobs that nobody goes on with."""
        try:
            self._aside.mkdir(mode=0o700, exist_ok=True)
            for other in self._aside.iterdir():
                if other.name != self._folder.name:
                    shutil.rmtree(other, ignore_errors=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the outputs of shards cannot be put aside: {os.strerror(error.errno or 0)}",
                remedy="Check the folder for the outputs, who owns it, and that its disk has room.",
            ) from None

    def publish(self, folder: str, paths: Sequence[str], withdrawn: Sequence[Placement]) -> bool:
        """Take away what is withdrawn and move the outputs to their places; False where one of them is missing.

        A run that was killed in the midst of it has moved some: then the whole shard is done over, since what is at
        their places may as well be from an earlier run that knew less.
        """
        aside = _inside(self._folder, folder)
        wanted = {path: f"{aside}/{path}" for path in paths}  # inputs that are the same have one output
        if not all(os.path.isfile(staged) for staged in wanted.values()):
            return False
        for placement in withdrawn:
            self._output.withdraw(placement)
        for path, staged in wanted.items():
            self._output.take(staged, path)
        return True

    def discard(self, folder: str) -> None:
        """Remove the folder of a shard."""
        shutil.rmtree(_inside(self._folder, folder), ignore_errors=True)

    def finish(self) -> None:
        """Remove everything that was put aside: the job is done."""
        shutil.rmtree(self._aside, ignore_errors=True)


def _inside(folder: Path, name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        raise OutputError("expected the name of a folder of shards, got something else")
    return folder / name
