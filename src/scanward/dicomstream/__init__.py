"""Reads and rewrites DICOM data sets as streams of elements (PS3.5, PS3.10).

It knows encoding and nothing of privacy: what happens to an element is decided by whoever calls it. Values that stay
are never read into Python; they are :class:`~scanward.model.instance.Range` objects, which the writer has the kernel
copy.
"""
