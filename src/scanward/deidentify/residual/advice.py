"""What whoever answers for the data can do, in sentences that several risks share."""

from typing import Final

NO_COMPARING: Final = (
    "Agree in writing that nobody compares the images with others, or lets a machine do so, to find out who it is."
)
NAMED_PEOPLE: Final = "Give access to named people, and do not publish."
ONLY_NEEDED: Final = "Send only the series that the purpose needs."
NARROWER: Final = "Choose a narrower profile where the purpose allows."
LOOK_UP: Final = "Look the radiographs up in what is public already with scanward lookup; no match is no proof."
