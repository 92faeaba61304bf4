"""Characters that stand for what was cut or set aside while a text is worked on; never in a result."""

import re

CUT = "\ue000"
"""Something was cut here."""

CUT_PERSON = "\ue001"
"""The name of a person was cut here, so that a doubtful word beside it is one too."""

FIRST_ASIDE = 0xE100
LAST_ASIDE = 0xF8FF
"""Each character of this range stands for a date that stays."""

MARKS = CUT + CUT_PERSON

PRIVATE = re.compile("[\ue000-\uf8ff]")
"""Any character of the private use area, which no text in a header has a use for."""
