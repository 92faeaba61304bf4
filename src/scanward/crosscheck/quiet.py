"""Keeps libraries from writing values of the data into logs and onto the terminal."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_TALKATIVE = ("pydicom", "pypdf")
"""Their warnings quote the value they are about."""


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what these libraries log and warn of; what is wrong with a file becomes a finding instead."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
