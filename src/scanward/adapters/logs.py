"""Log lines: JSON for machines, plain for people. They name kinds and counts, never a value of the data."""

import logging
import sys

import structlog

QUIET = ("pynetdicom", "pydicom", "dbos", "uvicorn", "uvicorn.access", "uvicorn.error", "httpx", "httpcore", "alembic")
"""Libraries whose lines may carry what a peer sent: only their errors are kept, by level and logger name."""


class _NoValues(logging.Filter):
    """Lets a line of a library through without what it says: that may be a peer's words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line; of a library's, only that there was one."""
        if not record.name.startswith("scanward"):
            record.msg = f"{record.levelname.lower()} in {record.name}"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
            record.stack_info = None
        return True


def set_up_logs(*, verbose: bool = False) -> None:
    """Send log lines to standard error: JSON where that is no terminal."""
    as_json = not sys.stderr.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NoValues())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
