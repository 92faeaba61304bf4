"""What a picture says of its own making in a manifest of C2PA, apart from who signed that and in what state it is."""

from dataclasses import dataclass
from enum import StrEnum


class AiSource(StrEnum):
    """Sources that mean a generative model had a hand in it (IPTC Digital Source Type NewsCodes, C2PA 2.2)."""

    TRAINED = "trainedAlgorithmicMedia"
    COMPOSITE_WITH_TRAINED = "compositeWithTrainedAlgorithmicMedia"
    COMPOSITE_SYNTHETIC = "compositeSynthetic"
    TRAINED_DATA = "trainedAlgorithmicData"


class ManifestState(StrEnum):
    """Whether a manifest is as it was signed, and of this picture; says nothing of who signed."""

    INTACT = "intact"
    """Its signature holds, and it is of these bytes."""

    PICTURE_CHANGED = "picture changed"
    """Its signature holds, but the picture is another, or was changed after."""

    MANIFEST_CHANGED = "manifest changed"
    """The manifest itself was changed after it was signed."""

    UNCHECKED = "unchecked"
    """It could not be checked: parts are missing, or of a form that nobody knows."""


class SignerTrust(StrEnum):
    """What is known of who signed a manifest."""

    TRUSTED = "trusted"
    """Its certificate leads to an authority that was given as trusted."""

    UNKNOWN = "unknown"
    """It does not: anyone could have made it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AiDeclaration:
    """A picture that says of itself that a generative model made it, or a part of it.

    A declaration counts against a picture whoever signed it: nobody gains by calling a real scan generated without
    being found out, and none at all says nothing, as it is easily cut away.

    Attributes
    ----------
    source
        What it says.
    generator
        The program that made the manifest, by its own word.
    agent
        The model or program that made the picture, by the same; empty where nothing is said.
    signer
        The organisation in the certificate.
    state
        Whether the manifest is as it was signed.
    trust
        What is known of the signer.
    """

    source: AiSource
    generator: str
    agent: str
    signer: str
    state: ManifestState
    trust: SignerTrust
