"""Fields of reports that are laid out as lines: what stands behind ``Name:`` or ``Domicilio:`` is one, as a whole."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.prose_lexicon import Sense, sense_of
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_NAMES = (
    r"patient(?:'s|en)?(?:\s?name)?|pat(?:ient)?in|pt(?:\.?\s?name)?|full name|first name|last name|middle name|maiden "
    r"name|"
    r"given name|family name|name|surname|nombre(?: y apellidos)?|primer apellido|segundo apellido|apellidos?|paciente|"
    r"nom(?: de naissance)?|pr[ée]noms?|nome|sobrenome|cognome|nachname|vorname|"
    r"(?:referring|ordering|requesting|attending|admitting|consulting|performing|reading|interpreting|primary care|pcp|"
    r"family)"
    r"(?:\s(?:physician|provider|doctor|radiologist|md|dr|clinician|surgeon))?|physicians?|doctor|provider|radiologist|"
    r"technologist|tech|operator|sonographer|nurse|surgeon|resident|fellow|transcriptionist|dictated by|dictating|"
    r"transcribed by|signed by|electronically signed by|reported by|reviewed by|verified by|approved by|performed by|"
    r"interpreted by|read by|requested by|ordered by|referred by|attn|attention|cc|copy to|contact|emergency contact|"
    r"next of kin|"
    r"m[ée]dico(?: solicitante| responsable| peticionario)?|remitido por|solicitado por|realizado por|informado por|"
    r"firmado(?: por)?|"
    r"fdo|responsable cl[íi]nico|m[ée]decin(?: prescripteur| traitant| demandeur)?|prescripteur|adress[ée] par|"
    r"valid[ée] par|"
    r"sign[ée](?: par)?|r[ée]alis[ée] par|interne|arzt|hausarzt|überweiser|überweisender arzt|zuweiser|einsender|"
    r"befunder|befundet von|untersucher|"
    r"gez|mta|mtra|m[ée]dica?o? solicitante|solicitante|encaminhado por|laudado por|liberado por|respons[áa]vel"
)
_PLACES = (
    r"(?:home |street |mailing |postal |billing )?address|domicilio|direcci[óo]n|calle|localidad(?:\s?/\s?provincia)?|"
    r"provincia|"
    r"poblaci[óo]n|municipio|ciudad|lugar de nacimiento|anschrift|adresse|wohnort|wohnhaft|ort|straße|geburtsort|"
    r"demeurant|ville|domicile|"
    r"lieu de naissance|endere[çc]o|cidade|bairro|munic[íi]pio|city|town|residence|place of birth|birthplace"
)
_FIELD = re.compile(
    rf"(?<![^\W_])(?:(?P<name>{_NAMES})|(?P<place>{_PLACES})|(?P<code>cp|c\.p|cep|plz|zip(?:\scode)?|postcode|postal "
    rf"code|c[óo]digo postal|code postal))"
    r"\.?[ \t]{0,2}[:=][ \t]*(?P<value>[^\n|;\t]{1,120}?)(?=[ \t]*(?:$|[\n|;\t]|[ \t]{3}|,?[ \t]{1,2}[^\W\d_][\w.º°/ "
    r"-]{1,24}:|\.(?:$|\n|(?-i:\s[A-ZÀ-Þ]{2}))))",
    re.IGNORECASE | re.MULTILINE,
)
_TRIGGERS = frozenset(
    "patient patients patienten patientin pat pt full first last middle maiden given family name surname nombre primer "
    "segundo apellido apellidos "
    "paciente nom prénom prénoms prenom prenoms nome sobrenome cognome nachname vorname referring ordering requesting "
    "attending admitting consulting "
    "performing reading interpreting primary pcp physician physicians doctor provider radiologist technologist tech "
    "operator sonographer nurse surgeon "
    "resident fellow transcriptionist dictated dictating transcribed signed electronically reported reviewed verified "
    "approved performed interpreted read "
    "requested ordered referred attn attention cc copy contact emergency next médico medico médica medica remitido "
    "solicitado realizado informado firmado "
    "fdo responsable médecin medecin prescripteur adressé adresse validé valide signé signe réalisé realise interne "
    "arzt hausarzt überweiser überweisender zuweiser "
    "einsender befunder befundet untersucher gez mta mtra solicitante encaminhado laudado liberado responsável "
    "responsavel home street mailing postal billing address domicilio dirección "
    "direccion calle localidad provincia población poblacion municipio ciudad lugar anschrift wohnort wohnhaft ort "
    "straße geburtsort demeurant ville domicile lieu "
    "endereço endereco cidade bairro município city town residence place birthplace cp cep plz "
    "zip postcode código codigo code "
    "c".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_MOST_NAME_WORDS = 6
_ORDINARY = Sense.WORD | Sense.CORE | Sense.MAKES_TERM
_NAMELY = Sense.GIVEN | Sense.SURNAME | Sense.UNKNOWN


def find_fields(wording: Wording) -> Iterator[Shape]:
    """Yield what stands in fields of names, addresses and postcodes."""
    if ":" not in wording.text and "=" not in wording.text:
        return
    for match in wording.matches(_FIELD, _TRIGGERS):
        start = match.start("value")
        end = start + len(match["value"].rstrip(" .,;"))
        value = match["value"]
        if match["place"]:
            written = end - start > 1 and not value.isupper()
            if written or _is_namely(value) or any(map(str.isdigit, value)):
                yield Shape(start, end, IdentifierKind.ADDRESS)
        elif match["code"]:
            if any(map(str.isdigit, match["value"][:6])):
                yield Shape(start, start + len(match["value"].split(" ")[0]), IdentifierKind.ADDRESS)
        elif _is_name(match["value"]):
            yield Shape(start, end, IdentifierKind.PERSON_NAME)


def _is_namely(value: str) -> bool:
    return any(sense_of(word.lower()) & (_NAMELY | Sense.PLACE | Sense.PLACE_TOO) for word in _WORD.findall(value))


def _is_name(value: str) -> bool:
    """Say whether a field holds a name and nothing else: few words, none of them only an ordinary one, no number."""
    words = _WORD.findall(value)
    if not 1 <= len(words) <= _MOST_NAME_WORDS or any(map(str.isdigit, value)):
        return False
    for word in words:
        sense = sense_of(word.lower())
        if (
            len(word) > 1
            and sense & _ORDINARY
            and not sense & (_NAMELY | Sense.PARTICLE | Sense.EPONYM | Sense.EPONYM_TOO)
        ):
            return False
    return any(word[0].isupper() for word in words) or any(sense_of(word.lower()) & Sense.NAME for word in words)
