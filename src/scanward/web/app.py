"""The HTTP application, put together."""

from fastapi import FastAPI

from scanward.web import health, problems
from scanward.web.access import Gate
from scanward.web.api.routes import router as api
from scanward.web.dicomweb.bookmarks import Bookmarks
from scanward.web.dicomweb.routes import router as dicomweb
from scanward.web.guard import Guard
from scanward.web.metrics import Metrics
from scanward.web.services import WebServices
from scanward.web.staff.routes import install as install_staff
from scanward.web.verifying import Counter

DESCRIPTION = """\
The API of a Scanward gateway. Times have an offset; ids are keyed digests that tell nothing of a patient.
Errors are Problem Details (RFC 9457) and never hold an identifier. Patients are named in bodies, never in addresses.
"""


def create_app(services: WebServices) -> FastAPI:
    """Return the application: DICOMweb, API, staff page, health and metrics."""
    app = FastAPI(
        title="Scanward",
        version=services.version,
        description=DESCRIPTION,
        # Pages that show it would fetch from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    metrics = Metrics(services.desk, services.clock)
    app.state.services = services
    app.state.metrics = metrics
    app.state.gate = Gate(services, metrics)
    app.state.bookmarks = Bookmarks()
    app.state.counter = Counter(services.verify)
    problems.install(app)
    app.include_router(health.router)
    app.include_router(api)
    app.include_router(dicomweb)
    install_staff(app, services)
    app.add_middleware(Guard, http=services.http, metrics=metrics)
    return app
