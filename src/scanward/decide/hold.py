"""Whether an instance may leave, by whether anybody has looked at its pixels."""

from scanward.model.decision import Decision, Deny, Permit
from scanward.standard.modalities import likely_burned_in

UNCHECKED_PIXELS = (
    "pixels of this kind often carry burned-in text and have not been looked at; "
    "release with --release-unchecked-pixels once somebody has"
)
DECLARED_BURNED_IN = (
    "the instance itself says that identifying text is burned into its pixels (Burned In Annotation is YES); "
    "release with --release-unchecked-pixels once somebody has looked"
)


def evaluate_file(
    *,
    recipient: str,
    profile: str,
    modality: str,
    sop_class_uid: str,
    burned_in_annotation: str,
    release_unchecked_pixels: bool,
    are_proven: bool = False,
) -> Decision:
    """Decide on one instance of a file run: whoever runs the command permits, unchecked pixels are denied.

    Parameters
    ----------
    recipient, profile
        For whom, and how it will be de-identified.
    modality, sop_class_uid, burned_in_annotation
        What the instance says it is.
    release_unchecked_pixels
        Whether the person running the command has taken responsibility for burned-in text.
    are_proven
        Whether its pixels were looked at and show no text as they leave.
    """
    if not release_unchecked_pixels and not are_proven:
        if is_declared_burned_in(burned_in_annotation):
            return Deny(reasons=(DECLARED_BURNED_IN,))
        if likely_burned_in(modality, sop_class_uid):
            return Deny(reasons=(UNCHECKED_PIXELS,))
    return Permit(recipient=recipient, profile=profile)


def is_declared_burned_in(burned_in_annotation: str) -> bool:
    """Return whether a value of Burned In Annotation (0028,0301) says that identifying text is in the pixels."""
    return burned_in_annotation.strip().upper() == "YES"
