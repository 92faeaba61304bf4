"""What a recipient may have. Whatever it may not have does not exist for it: both are 404."""

from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, Path

from scanward.model.release import OutboxItem, Release
from scanward.web.access import allow
from scanward.web.auth import Principal
from scanward.web.problems import Problem
from scanward.web.roles import Operation
from scanward.web.services import WebServices

PAGE = 1000
MAX_ITEMS = 100_000
"""So many instances are looked at for one answer."""

Offer = tuple[Release, OutboxItem, str]
"""An item that a recipient may fetch, its release, and the blob of the instance it was made of."""

Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]

Fetcher = Annotated[Principal, Depends(allow(Operation.RETRIEVE_RELEASED))]
"""A recipient; `Principal.recipient` is never empty then."""


def offers(
    services: WebServices,
    principal: Principal,
    *,
    study: str = "",
    series: str = "",
    instance: str = "",
    modality: str = "",
    page_size: int = PAGE,
) -> Iterator[Offer]:
    """Yield what the recipient may fetch, in the order of release; nothing that is not permitted any more."""
    if not principal.recipient:
        raise Problem(403, "expected a token that is bound to a recipient")
    permitted: dict[str, Callable[[OutboxItem], bool]] = {}
    for offset in range(0, MAX_ITEMS, page_size):
        page = services.desk.available(
            principal.recipient,
            study_uid=study,
            series_uid=series,
            sop_instance_uid=instance,
            modality=modality,
            limit=page_size,
            offset=offset,
        )
        for release, item, blob in page:
            if release.release_id not in permitted:
                permitted[release.release_id] = services.may_still_leave(release)
            if permitted[release.release_id](item):
                yield release, item, blob
        if len(page) < page_size:
            return
