"""The elements of Word documents that stay (ECMA-376 Part 1, WordprocessingML); what is not named goes."""

from typing import Final

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"

KEPT = frozenset(
    # Text and tables
    "document body p r t tab br cr noBreakHyphen softHyphen sym ptab lastRenderedPageBreak tbl tr tc hdr ftr "
    "footnotes footnote footnoteReference footnoteRef endnotes endnote endnoteReference endnoteRef separator "
    "continuationSeparator sectPr headerReference footerReference "
    # Paragraphs
    "pPr pStyle keepNext keepLines pageBreakBefore framePr widowControl numPr ilvl numId suppressLineNumbers pBdr "
    "top left bottom right between bar start end shd tabs suppressAutoHyphens kinsoku wordWrap overflowPunct "
    "topLinePunct autoSpaceDE autoSpaceDN bidi adjustRightInd snapToGrid spacing ind contextualSpacing "
    "mirrorIndents suppressOverlap jc textDirection textAlignment textboxTightWrap outlineLvl cnfStyle "
    # Runs
    "rPr rStyle rFonts b bCs i iCs caps smallCaps strike dstrike outline shadow emboss imprint noProof vanish "
    "webHidden color w kern position sz szCs highlight u effect bdr fitText vertAlign rtl cs em lang "
    "eastAsianLayout specVanish "
    # Tables
    "tblPr tblStyle tblpPr tblOverlap bidiVisual tblStyleRowBandSize tblStyleColBandSize tblW tblCellSpacing "
    "tblInd tblBorders tblLayout tblCellMar tblLook tblGrid gridCol trPr trHeight cantSplit tblHeader gridBefore "
    "gridAfter wBefore wAfter hidden tcPr tcW gridSpan vMerge hMerge tcBorders noWrap tcMar tcFitText vAlign "
    "hideMark insideH insideV tl2br tr2bl tblPrEx "
    # Sections
    "type pgSz pgMar paperSrc pgBorders lnNumType pgNumType cols col noEndnote titlePg docGrid footnotePr "
    "endnotePr pos numFmt numStart numRestart rtlGutter "
    # Styles and lists
    "styles docDefaults rPrDefault pPrDefault latentStyles lsdException style name basedOn next link uiPriority "
    "semiHidden unhideWhenUsed qFormat locked tblStylePr numbering abstractNum nsid multiLevelType tmpl styleLink "
    "numStyleLink lvl lvlRestart isLgl suff lvlText lvlJc num abstractNumId lvlOverride startOverride".split()
)
"""They stay with their attributes."""

UNWRAPPED = frozenset("hyperlink ins moveTo smartTag customXml sdt sdtContent fldSimple dir bdo ruby rubyBase".split())
"""They go, and what is in them stays: links, insertions, controls, fields."""

SILENT = frozenset(
    "proofErr bookmarkStart bookmarkEnd permStart permEnd commentRangeStart commentRangeEnd annotationRef "
    "commentReference instrText delInstrText fldChar sdtPr sdtEndPr smartTagPr customXmlPr rPrChange pPrChange "
    "sectPrChange tblPrChange trPrChange tcPrChange tblGridChange tblPrExChange numberingChange cellIns cellDel "
    "cellMerge moveFromRangeStart moveFromRangeEnd moveToRangeStart moveToRangeEnd customXmlInsRangeStart "
    "customXmlInsRangeEnd customXmlDelRangeStart customXmlDelRangeEnd rubyPr divId rsids background tblCaption "
    "tblDescription aliases rsid".split()
)
"""They go without a word: nobody reads them."""

TOLD = {
    "del": "deleted passage", "moveFrom": "deleted passage", "drawing": "picture", "pict": "picture",
    "AlternateContent": "picture", "contentPart": "picture", "object": "attachment", "altChunk": "attachment",
    "subDoc": "attachment", "control": "control", "oMath": "formula", "oMathPara": "formula",
}  # fmt: skip
"""What is left out is called so; other elements are called elements."""

_TYPES: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml."
MAIN_TYPES = frozenset(
    {
        f"{_TYPES}document.main+xml", f"{_TYPES}template.main+xml",
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    }
)  # fmt: skip
"""Content types of the part that the text is in."""

MAIN_TYPE: Final = f"{_TYPES}document.main+xml"

PART_TYPES = {
    name: f"{_TYPES}{name}+xml" for name in ("styles", "numbering", "header", "footer", "footnotes", "endnotes")
}
"""Content types of the other parts that stay, by the last word of their relationship."""

RELATIONSHIPS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
PACKAGE: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}"
CONTENT_TYPES: Final = "{http://schemas.openxmlformats.org/package/2006/content-types}"

TOLD_PARTS = {
    "oleObject": "attachment", "package": "attachment", "aFChunk": "attachment", "vbaProject": "macro",
    "customXml": "custom part", "glossaryDocument": "glossary", "subDocument": "attachment",
}  # fmt: skip
"""What parts that are left out are called, by the last word of their relationship; others go without a word."""
