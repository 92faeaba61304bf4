"""The ways in which a kept seal can fail to be one."""

from enum import StrEnum


class SealFault(StrEnum):
    """What is wrong with the bytes of a seal; see `seal.format`."""

    TOO_LARGE = "seal.format.too-large"
    """Longer than any seal."""

    NOT_A_SEAL = "seal.format.not-a-seal"
    """They begin otherwise."""

    VERSION = "seal.format.version"
    """Of a version that is not known here."""

    TRUNCATED = "seal.format.truncated"
    """They end early."""

    TRAILING = "seal.format.trailing"
    """Something follows the seal."""

    PIXEL_KIND = "seal.format.pixel-kind"
    """An unknown kind of pixels."""

    LAYOUT = "seal.format.layout"
    """Samples of a shape or depth that no image has, or of any where there are none."""

    PHOTOMETRIC = "seal.format.photometric"
    """A Photometric Interpretation that is none, or does not fit the number of samples."""

    TILES = "seal.format.tiles"
    """Not one digest for each tile."""

    LEAF_COUNT = "seal.format.leaf-count"
    """More Attributes than a seal may have."""

    PATH = "seal.format.path"
    """A path of an Attribute that is none."""

    ORDER = "seal.format.order"
    """Attributes that do not ascend, or one twice."""

    GRADE = "seal.format.grade"
    """An unknown grade."""

    TRANSFER_SYNTAX = "seal.format.transfer-syntax"
    """A Transfer Syntax that is no UID."""

    ROOT = "seal.format.root"
    """The root that it ends with is not its own: something in it was changed."""
