"""Closes the gaps that cuts leave in a text: blanks, punctuation, brackets, words that led up to what was cut."""

import re

from scanward.deidentify.text.marks import MARKS

_M = f"[{MARKS}]"
_SEPARATOR = r"[ \t,;:/|^_.&+=#~*–—-]"
_LABEL = re.compile(
    r"(?<![^\W_])(?:(?:dr|drs|prof|mr|mrs|ms|miss|herrn?|frau|mme|mlle|sra?|dra|dott(?:\.?ssa)?|doctor|nurse|"
    r"sig\.?(?:ra|na)?|mevr(?:ouw)?|dhr|née?|nata|nacid[oa]|soeur)|"
    r"(?:(?:pat(?:ient)?(?:en)?'?s?|pt|first|last|family|given|full|physician|doctor|operator|"
    r"tech(?:nologist)?|referring|birth)[ _])?"
    r"(?:name|id|nr|no|number|num|mrn|acc(?:ession)?|d\.?o\.?b|born|birth ?date|date of birth|"
    r"geb(?:oren)?(?: am)?|tel(?:efon|ephone|éfono)?|phone|fax|"
    r"e-?mail|address|adresse|dirección|ssn|nhs|dni|n\.?h\.?c\.?|nombre|nom|prénom|apellidos?|paciente|"
    r"patientin|technologist|tech|operator|referring|ref|"
    r"attn|cc|s/?n|url|ip|zip|plz)(?:\s(?:number|no|nr|id))?|"
    r"(?:(?:performed|referred|requested|ordered|reported|dictated|signed|transcribed|read|reviewed|verified|"
    r"scanned|acquired|approved|interpreted|ref|req|perf)"
    r"\s(?:by|from|physician|md|dr)(?:\sdr\.?)?))\.?\s?[:=#]?[ \t-]*(?=" + _M + ")",
    re.IGNORECASE,
)
_LEADING_WORD = (
    r"(?:for|by|of|from|at|to|with|per|via|on|in|and|or|the|our|dated|since|until|named|called|is|was|f[üu]r|"
    r"von|vom|am|bei|mit|durch|und|aus|"
    r"pour|par|de|du|des|le|la|les|et|para|por|del|con|en|el|y|per|da|di|do|dal|dalla|voor|door|van|bij)"
)
_DANGLING = re.compile(
    rf"(?<![^\W_])(?:{_LEADING_WORD}[ \t]+)+(?={_M}(?:{_SEPARATOR}|{_M})*(?:$|[\r\n)\]}}>]|[.;](?:\s|$)))",
    re.IGNORECASE,
)
_BRACKETS = (
    re.compile(rf"\((?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*\)"),
    re.compile(rf"\[(?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*\]"),
    re.compile(rf"\{{(?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*\}}"),
    re.compile(rf"<(?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*>"),
    re.compile(rf"\"(?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*\""),
    re.compile(rf"[«“„‘](?:{_SEPARATOR}|{_M})*{_M}(?:{_SEPARATOR}|{_M})*[»”“’]"),
)
_GAP = re.compile(rf"(?P<left>{_SEPARATOR}*){_M}(?P<right>(?:{_SEPARATOR}|{_M})*)")
_BLANKS = re.compile(r"[ \t]{2,}")
_ENDS = " \t,;:/|^_&+=#~*–—-"
_OPENING = "([{<«“„"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_SENTENCE_WORDS = 5


def tidy(text: str) -> str:
    """Return `text` without its marks; lines that have none stay as they are, lines that become empty go."""
    lines = []
    for line in _LINE.findall(text):
        if not any(mark in line for mark in MARKS):
            lines.append(line)
            continue
        body = line.rstrip("\r\n")
        cleaned = _tidy_line(body)
        if cleaned:
            lines.append(cleaned + line[len(body) :])
    joined = "".join(lines).strip()
    return joined if any(map(str.isalnum, joined)) or any("\ue100" <= char <= "\uf8ff" for char in joined) else ""


def _tidy_line(line: str) -> str:
    before = None
    while before != line:
        before = line
        line = _LABEL.sub("", line)
        line = _DANGLING.sub("", line)
        for brackets in _BRACKETS:
            line = brackets.sub(MARKS[0], line)
    line = _GAP.sub(_close, line)
    line = _BLANKS.sub(" ", line)
    return _trimmed(line)


def _close(match: re.Match[str]) -> str:
    """Choose what of the separators on both sides of a cut stays."""
    text = match.string
    left, right = match["left"], re.sub(_M, "", match["right"])
    if match.end() == len(text):
        ends_sentence = right.strip().startswith(".") and len(text[: match.start()].split()) >= _SENTENCE_WORDS
        return "." if ends_sentence else ""
    if match.start() == 0:
        return ""
    following = text[match.end()]
    bare = right.strip()
    if following in ")]}>" or text[match.start() - 1] in _OPENING:
        return ""
    if bare[:1] in {".", ",", ";", ":"} and bare:
        return bare[0] + " " if " " in left + right or bare[0] != "." else bare[0]
    if " " in left + right or "\t" in left + right:
        mark = left.strip()
        return f"{mark[0]} " if mark[:1] in {",", ";"} and mark else " "
    return left[:1] or right[:1] or " "


def _trimmed(line: str) -> str:
    """Take off what is left dangling at both ends: separators, a bracket without its partner."""
    before = None
    while before != line:
        before = line
        line = line.strip(_ENDS)
        if line and line[-1] in _OPENING:
            line = line[:-1]
        for opening, closing in ("()", "[]", "{}", "<>"):
            if line.startswith(closing) or (line.endswith(closing) and opening not in line):
                line = line.strip(closing)
    return line if line.strip(". ") else ""
