"""Scanward: the privacy gateway for medical-imaging AI."""

__version__ = "0.1.0"
