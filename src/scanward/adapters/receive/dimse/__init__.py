"""The door for DICOM associations: Storage, Verification, Storage Commitment and Performed Procedure Step SCP."""

from scanward.adapters.receive.dimse.server import DimseServer

__all__ = ["DimseServer"]
