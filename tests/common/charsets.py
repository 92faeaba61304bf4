"""Fictional names in the scripts that Specific Character Set has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Charset:
    """A character set, how Python calls it, and two people who do not exist.

    Attributes
    ----------
    patient, other
        Family and given name of the patient, and of a person who is in one private element only.
    """

    terms: str | list[str]
    codec: str
    patient: tuple[str, str]
    other: str


CHARSETS: dict[str, Charset] = {
    "latin1": Charset("ISO_IR 100", "latin-1", ("Grünwaldström", "Bärbelchen"), "Ångsøberg"),
    "latin2": Charset("ISO_IR 101", "iso8859_2", ("Wróblewiczówna", "Świętosława"), "Dvořáčková"),
    "cyrillic": Charset("ISO_IR 144", "iso8859_5", ("Вымыслов", "Любомирыч"), "Небылицын"),
    "greek": Charset("ISO_IR 126", "iso8859_7", ("Φανταστίδης", "Ξενοκράτης"), "Ψευδόπουλος"),
    "arabic": Charset("ISO_IR 127", "iso8859_6", ("الخيالاوي", "زبرجدان"), "المخترعاني"),
    "hebrew": Charset("ISO_IR 138", "iso8859_8", ("דמיונוביץ", "בדיוניאל"), "המצאתניק"),
    "turkish": Charset("ISO_IR 148", "iso8859_9", ("Uydurmaoğlu", "Şakırcan"), "Hayalîgül"),
    "thai": Charset("ISO_IR 166", "tis_620", ("สมมุติวงศ์", "จินตนาการี"), "นิทานสกุล"),
    "japanese": Charset(["", "ISO 2022 IR 87"], "iso2022_jp_2", ("架空山", "幻太郎丸"), "虚構川"),
    "katakana": Charset("ISO_IR 13", "shift_jis", ("ｶｸｳﾔﾏｶﾞﾜ", "ﾏﾎﾞﾛｼｺ"), "ｷｮｺｳﾉｶﾜ"),
    "korean": Charset(["", "ISO 2022 IR 149"], "euc_kr", ("가공산맥", "허구순이"), "상상강호"),
    "gb18030": Charset("GB18030", "gb18030", ("虚构欧阳", "幻想娃娃"), "乌有先翁"),
    "utf8": Charset("ISO_IR 192", "utf-8", ("Ðreĭmwaltz", "Žofįjaná"), "架空ñandúson"),
}
