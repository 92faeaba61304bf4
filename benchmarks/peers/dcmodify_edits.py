"""Prints the edits that dcmodify makes of Table E.1-1's basic actions, one argument a line.

dcmodify cannot map UIDs: it makes new ones for study, series and instance, and others get a fixed one.
"""

from scanward.standard.confidentiality import all_rows
from scanward.standard.dictionary import vr_of

OWN_UIDS = frozenset({"0020000d", "0020000e", "00080018"})
DUMMIES = {"DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "UI": "2.25.1"}
NUMBERS = frozenset({"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
UNEDITABLE = frozenset({"SQ", "OB", "OW", "OD", "OF", "OL", "OV", "UN"})


def main() -> None:
    """Print the arguments."""
    print("-q\n-nb\n-imt\n-ie\n-ep\n-gst\n-gse\n-gin")
    for pattern, row in all_rows().items():
        if "x" in pattern or pattern == "private" or pattern in OWN_UIDS or pattern < "0008":
            continue
        tag = f"({pattern[:4]},{pattern[4:]})"
        vr = vr_of(int(pattern, 16))
        if row.basic == "X" or vr in UNEDITABLE:
            print(f'-ea\n"{tag}"')
        elif row.basic[0] == "Z":
            print(f'-ma\n"{tag}="')
        else:
            print(f'-ma\n"{tag}={DUMMIES.get(vr, "0" if vr in NUMBERS else "REMOVED")}"')


main()
