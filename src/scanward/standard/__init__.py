"""Tables of the DICOM standard as generated data, each naming its edition, with typed readers.

Nothing here is loaded before it is asked for. ``README.md`` beside this file says where each table comes from.
"""
