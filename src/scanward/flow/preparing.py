"""From a permitted release to its outbox: de-identify, check, account; nothing leaves here.

The unit of work is a part of a batch, a few hundred instances. It is done over from the beginning when its process
dies: the same instances give the same bytes, and the ledger leaves alone what is accounted for already.

What was prepared under another profile than the one in force does not leave. It is prepared again, in its place.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from scanward.account.record import record_disclosure
from scanward.errors import StateError, StoreError
from scanward.flow.decisions import Decider, stand_or_stop
from scanward.flow.documents import MakeCarriers, MakeRecogniser
from scanward.flow.face_notes import FaceNotes
from scanward.flow.faces import MakePlanner
from scanward.flow.forms import form_for, read_form
from scanward.flow.holding import why_not_now
from scanward.flow.making import Made, Maker, WhatFor
from scanward.flow.pixels import MakeCleaner
from scanward.flow.screens import form_with
from scanward.model.decision import Deny, Permit
from scanward.model.holds import HoldKind
from scanward.model.release import Disclosure, OutboxItem, Release, ReleaseState
from scanward.model.study import Batch, StoredInstance
from scanward.ports.files import Keys
from scanward.ports.ledger import Ledger
from scanward.ports.stores import Blobs, Vault
from scanward.ports.work import WorkQueue

SHARD = "shard"
"""Kind of work: prepare one unit of a release; its key is ``release id:number``."""

RENEWED = frozenset({ReleaseState.PERMITTED, ReleaseState.ACCOUNTED, ReleaseState.DONE})
"""States of a release in which something of it could still leave."""

Seal = Callable[[Release, Sequence[OutboxItem], Sequence[StoredInstance]], None]
"""Seals copies that are about to leave by a release, and the instances that they were made of."""


class Preparer:
    """Prepares releases; for any number of threads.

    Parameters
    ----------
    ledger, blobs, vault, keys
        The stores.
    decider
        Decides once more, when the work is taken from the queue.
    queue
        Takes the units of a release.
    shard_instances
        Size of a unit.
    spool
        Folder for inflated data sets, as secret as the instances.
    clock
        Tells the time, aware UTC.
    seal
        Seals copies, and what they were made of; nothing is accounted for that is not sealed.
    make_cleaner
        Makes what looks at pixels; None where nobody looks.
    make_planner
        Makes what looks at faces; None where nobody looks.
    make_carriers
        Makes who cleans documents; None where nobody does.
    make_recogniser
        Makes what recognises identifiers in text; None for none.
    sight
        Tells what that is, by names and versions; empty where nothing is there.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        blobs: Blobs,
        vault: Vault,
        keys: Keys,
        decider: Decider,
        queue: WorkQueue,
        shard_instances: int,
        spool: Path,
        clock: Callable[[], datetime],
        seal: Seal,
        make_cleaner: MakeCleaner | None = None,
        make_planner: MakePlanner | None = None,
        make_carriers: MakeCarriers | None = None,
        make_recogniser: MakeRecogniser | None = None,
        sight: Callable[[], str] = lambda: "",
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._decider = decider
        self._queue = queue
        self._shard_instances = shard_instances
        self._clock = clock
        self._seal = seal
        self._sight = sight
        self._faces = FaceNotes(ledger=ledger, blobs=blobs, vault=vault, clock=clock)
        self._maker = Maker(
            ledger=ledger,
            blobs=blobs,
            vault=vault,
            keys=keys,
            spool=spool,
            make_cleaner=make_cleaner,
            make_planner=make_planner,
            make_carriers=make_carriers,
            make_recogniser=make_recogniser,
            sight=sight,
        )

    # The work

    def prepare(self, key: str) -> None:
        """Part a release into units, queue all but the first, and do that one at once."""
        release_id = key.partition(":")[0]
        release = self._ledger.get_release(release_id)
        if release.state is not ReleaseState.PERMITTED:
            return
        count = len(self._ledger.instances_of(_batch_of(release)))
        suffix = key[len(release_id) :]
        for number in range(1, -(-count // self._shard_instances)):
            self._queue.submit(SHARD, f"{release_id}:{number}{suffix}")
        self.prepare_shard(f"{release_id}:0{suffix}")

    def prepare_shard(self, key: str) -> None:
        """De-identify, check and account for one unit of a release.

        Raises
        ------
        StoreError
            A store could not be read or written; the unit is done over later.
        """
        release_id, number = key.split(":")[:2]
        release = self._ledger.get_release(release_id)
        if release.state is not ReleaseState.PERMITTED:
            return
        batch = self._ledger.instances_of(_batch_of(release))
        # 1. Decide on the whole batch again: a withdrawal since stops what has not left.
        standing = stand_or_stop(self._decider, self._ledger, release, batch, self._clock)
        if standing is None or standing.recipient is None or not isinstance(standing.decision, Permit):
            return
        # 2. De-identify and check what is not accounted for yet.
        start = int(number) * self._shard_instances
        settled = self._ledger.settled_instances(release_id)
        waiting = [one for one in batch[start : start + self._shard_instances] if one.instance_id not in settled]
        if waiting:
            self._prepare(WhatFor(release, standing.recipient, standing.decision, waiting, standing.layouts))
        # 3. The last unit ends the release.
        if len(self._ledger.settled_instances(release_id)) >= len(batch):
            self._mark_accounted(release_id)

    def renew(self, key: str) -> None:
        """De-identify again, as of now, what of a release was de-identified otherwise and could still leave.

        And what is held for its pixels, where they would be looked at otherwise now, or a person let it go.

        Raises
        ------
        ProfileError
            The profile cannot be read: nothing leaves until it can.
        StoreError
            A store could not be read or written; the work is done over later.
        """
        release_id = key.partition(":")[0]
        release = self._ledger.get_release(release_id)
        batch = self._ledger.instances_of(_batch_of(release))
        standing = self._decider.look_again(release, batch)
        permit, recipient = standing.decision, standing.recipient
        if release.state in RENEWED and isinstance(permit, Permit) and recipient is not None:
            unit = WhatFor(release, recipient, permit, (), standing.layouts)
            _, form = read_form(permit)
            made_as = form_with(form, standing.layouts)
            outdated = self._ledger.outdated_items(release_id, made_as, pull=unit.is_pull)
            for some in self._parts([one for one in batch if one.instance_id in outdated], permit):
                self._renew(replace(unit, instances=some))
            held = self._ledger.holds_to_look_at(release_id, form, self._sight())
            for some in self._parts([one for one in batch if one.instance_id in held], None):
                self._look_again(replace(unit, instances=some))
        else:
            form = "" if recipient is None or recipient.agreement is None else form_for(recipient.agreement)
            reasons = " ".join(permit.reasons) if isinstance(permit, Deny) else ""
            self._ledger.put_off_holds(release_id, form, self._sight(), why=reasons, at=self._clock())
        self._ledger.clear_outdated(release_id)

    def _parts(self, instances: Sequence[StoredInstance], permit: Permit | None) -> Iterator[Sequence[StoredInstance]]:
        """Yield units of what is needed by a permit, of all where None is given."""
        some = [one for one in instances if permit is None or why_not_now(permit, one) is None]
        for start in range(0, len(some), self._shard_instances):
            yield some[start : start + self._shard_instances]

    def _make(self, unit: WhatFor) -> Made:
        made = self._maker.make(unit)
        self._seal(unit.release, made.items, unit.instances)
        with contextlib.suppress(StoreError):  # it is there to propose something to people: the unit goes on
            self._ledger.note_screens(made.screens, self._clock())
        with contextlib.suppress(StoreError):  # as above
            self._faces.note(unit.release, made.volumes)
        return made

    def _look_again(self, unit: WhatFor) -> None:
        made = self._make(unit)
        unused = self._ledger.settle_holds(
            unit.release.release_id,
            self._disclosure(unit, made),
            made.items,
            made.setbacks,
            let_go=made.let_go,
            pull=unit.is_pull,
            at=self._clock(),
        )
        for recipe in unused:
            self._blobs.delete(recipe)

    def _renew(self, unit: WhatFor) -> None:
        made = self._make(unit)
        # Where nobody looks by now it waits, in its former form, which does not leave.
        given_up = [one for one in made.setbacks if one.hold is None or one.hold.kind is not HoldKind.UNSEEN]
        unused = self._ledger.replace_items(
            unit.release.release_id, made.form, made.items, given_up, pull=unit.is_pull, at=self._clock()
        )
        for recipe in unused:
            self._blobs.delete(recipe)

    def _mark_accounted(self, release_id: str) -> None:
        try:
            self._ledger.mark_accounted(release_id, self._clock())
        except StateError:
            return  # another unit ended at the same moment, or it was stopped

    def _prepare(self, unit: WhatFor) -> None:
        made = self._make(unit)
        try:
            unused = self._ledger.account(
                unit.release.release_id, self._disclosure(unit, made), made.items, made.setbacks, pull=unit.is_pull
            )
        except StateError:
            # Stopped meanwhile: nothing is on record, so nothing leaves and nothing of it stays.
            unused = sorted({item.recipe for item in made.items})
            self._forget_faces(unit.release)
        for recipe in unused:
            self._blobs.delete(recipe)

    def _forget_faces(self, release: Release) -> None:
        """Keep nothing of what was found of faces, but where something of the release is on record."""
        with contextlib.suppress(StoreError):  # as secret as the scans, under the same key
            if not self._ledger.settled_instances(release.release_id):
                self._faces.note(release, ())

    def _disclosure(self, unit: WhatFor, made: Made) -> Disclosure | None:
        if not made.items:
            return None
        return record_disclosure(
            unit.permit,
            unit.recipient,
            pseudonym=made.pseudonym,
            modalities=Counter(item.modality for item in made.items),
            now=self._clock(),
        )


def _batch_of(release: Release) -> Batch:
    return Batch(study_id=release.study_id, number=release.batch)
