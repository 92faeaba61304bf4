"""When a study is whole: told by the instances that a sender wants to be sure of, also after a restart."""

from scanward.model.study import Batch, Completion
from tests.common.gateway import TestGateway


def test_commitment_completes_studies_after_a_restart(tmp_path):
    before = TestGateway(tmp_path / "home")
    try:
        first, other = before.take_ct(seed=1), before.take_ct(seed=2)
    finally:
        before.close()
    after = TestGateway(tmp_path / "home")
    try:
        ledger, blind = after.stores.ledger, after.stores.sealing.blind
        after.engine.intake.complete_instances([first[0].SOPInstanceUID, "1.2.3.4.5"], Completion.COMMITMENT)
        study_id = blind("study", first[0].StudyInstanceUID)
        assert ledger.find_unrouted(10) == [Batch(study_id=study_id, number=1)]
        assert len(ledger.instances_of(Batch(study_id=study_id, number=1))) == len(first)
        # Asked again: nothing came since.
        after.engine.intake.complete_instances([ds.SOPInstanceUID for ds in first], Completion.COMMITMENT)
        assert len(ledger.find_unrouted(10)) == 1
        after.engine.intake.complete_instances([other[1].SOPInstanceUID], Completion.COMMITMENT)
        assert len(ledger.find_unrouted(10)) == 2
    finally:
        after.close()
