"""What stores of blobs of either kind have to say."""

from scanward.errors import StoreError, StoreFullError


def full() -> StoreFullError:
    """Return the error for a store of blobs without room."""
    return StoreFullError(
        "there is no room for another blob",
        remedy="Free or add space where the blobs are; nothing was deleted. The sender was told to try again later.",
    )


def missing() -> StoreError:
    """Return the error for a blob that is not there."""
    return StoreError("a blob is not there", remedy="Run scanward fsck; what is lost can be sent again by the archive.")
