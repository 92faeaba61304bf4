"""What an exit code says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Codes that the process ends with; 2 for wrong usage comes from the library."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    STOPPED = 3
    INTERRUPTED = 130


DONE_OR_STOPPED = "Exit code: 0 all released, 3 some held or quarantined, 1 failed, 2 wrong usage, 130 interrupted."
"""The last line of a command's help."""
