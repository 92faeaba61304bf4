"""What an exit code says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Codes that the process ends with; 2 for wrong usage comes from the library."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    STOPPED = 3
    INTERRUPTED = 130
