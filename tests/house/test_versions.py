import re
from importlib import metadata
from pathlib import Path

import scanward

ROOT = Path(__file__).resolve().parents[2]


def test_installed_package_says_the_version_of_the_source():
    assert metadata.version("scanward") == scanward.__version__


def test_changelog_begins_with_this_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == scanward.__version__
