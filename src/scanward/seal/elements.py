"""The elements of an instance that a seal is made of."""

from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element
from scanward.dicomstream.similar import SimilarDataSets


def top_elements(start: DataSetStart) -> list[Element]:
    """Return the elements of the top level, which are those that de-identification walks.

    Raises
    ------
    DicomFormatError
        The data set is not well formed, or has an element twice.
    """
    similar = SimilarDataSets[Element](lambda _reader, element, _end, _creator: element, lambda found: found[0])
    return similar.process(start)
