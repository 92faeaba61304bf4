"""Words of everyday language, which a mistyped name could turn into; and surnames that terms are called by.

``everyday_words.txt`` beside this file adds to the lexicon what reports are written in beside terms.
"""

import os
from functools import cache

from scanward.deidentify.text.folding import fold

_WORDS = os.path.join(os.path.dirname(__file__), "everyday_words.txt")  # noqa: PTH118, PTH120 - start-up time

_EPONYMS = frozenset(
    "abbott addison arnold baker barrett bauer bayer caldwell celestine clark cobb colin costela crane dixon dolores "
    "donna dunne edwards elisa ewing fischer fisher gleason hart herbst hoy huffman huntington jones judet kiefer "
    "laurin magnus mallory marconi neer omar osgood palma parkinson pauwels pierquin rosenberg sachs salter "
    "scheuermann schonberg schuller senning sjogren stryker tanner toma towne trendelenburg valsalva victoria weber "
    "wilms wright york raynaud bueno bravo severo haag".split()
)
"""Surnames that the lexicon lists since terms have them in their names; they are no words of any language."""

EPONYM_NOUNS = frozenset(
    "cyst cysts sign signs fracture fractures disease syndrome sarcoma tumor tumour tumors tumours lesion angle grade "
    "grading score scale classification type criteria view views projection position maneuver manoeuvre test line "
    "lines node nodes ring body bodies space ligament triangle duct tubercle procedure operation repair shunt catheter "
    "tube drain stent valve clip needle method technique index ratio formula deformity defect anomaly malformation "
    "esophagus oesophagus hernia pouch loop canal artery vein nerve muscle contracture phenomenon reaction "
    "lymphoma thyroiditis chorea palsy law spot island islands point arch curve clinic scanner protocol "
    "zyste zysten zeichen fraktur frakturen krankheit syndrom tumoren winkel klassifikation aufnahme projektion "
    "hernie quiste signo fractura enfermedad sindrome angulo clasificacion escala "
    "cisto cistos kystes quistes kyste signe maladie fracture classification echelle quisto sinal fratura doenca "
    "classificacao harris "
    "stage stages stadium circle pouch foramen sphincter fissure crypt polygone ampulla tetralogy tetralogie ulcer "
    "wave waves cells cell nodule nodules plaque plaques pugh turcotte".split()
)
"""What follows a surname where a term is called by it."""


@cache
def everyday_words() -> frozenset[str]:
    """Return the listed words, folded."""
    with open(_WORDS, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up time
        return frozenset(fold(word) for line in file if not line.startswith("#") for word in line.split())


def is_everyday(word: str) -> bool:
    """Say whether the folded `word` is one of everyday language."""
    return word in everyday_words()


def is_eponym(word: str) -> bool:
    """Say whether the folded `word` is a surname that terms are called by, and no word of a language."""
    return word in _EPONYMS
