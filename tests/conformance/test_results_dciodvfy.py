"""Results stay valid on their way back: ``dciodvfy`` reports no error that they did not have when they came."""

import pytest

from tests.common.results import MAKERS, bring_back, chest, encode, make_result, send
from tests.conformance.test_dciodvfy import errors_of

pytestmark = pytest.mark.peers("dciodvfy")


@pytest.mark.parametrize("kind", MAKERS)
def test_no_new_errors(kind, tmp_path):
    sent = send(chest())
    given = make_result(sent, kind)
    before, after = tmp_path / "came.dcm", tmp_path / "goes.dcm"
    before.write_bytes(encode(given))
    after.write_bytes(bring_back(given, sent).data)
    assert errors_of(after, tmp_path) - errors_of(before, tmp_path) == {}
