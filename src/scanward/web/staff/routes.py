"""All of the staff page."""

from fastapi import FastAPI

from scanward.web.services import WebServices


def install(app: FastAPI, services: WebServices) -> None:
    """Add the staff page to `app`."""
