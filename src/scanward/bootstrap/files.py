"""Builds the adapters of the file command and hands them to its flow."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from scanward import __version__
from scanward.adapters.home import find_home, make_private_folder
from scanward.adapters.keys import KeyFolder
from scanward.adapters.receive.folder import FolderSources
from scanward.adapters.send.folder import OutputFolder
from scanward.adapters.store.journal import SqliteJournal, run_id
from scanward.bootstrap.documents import make_carriers, recogniser_maker, with_text
from scanward.bootstrap.faces import planner_maker, with_faces
from scanward.bootstrap.pixels import cleaner_maker, read_layouts, with_layouts, with_mode
from scanward.config import QUEUE, DeidentifyRequest, GatewaySettings, Progress
from scanward.deidentify.profile import load_profile, profile_digest
from scanward.flow.files import UNIT_FILES, FileRun, deidentify_files
from scanward.flow.processes import OpenPool, open_pool
from scanward.flow.worker import Worker
from scanward.model.report import RunReport
from scanward.standard.confidentiality import EDITION


def deidentify_folder(
    request: DeidentifyRequest,
    progress: Callable[[Progress], None],
    keep: Callable[[RunReport], None] = lambda _: None,
) -> RunReport:
    """Carry out `scanward deidentify`.

    Parameters
    ----------
    request
        What to do.
    progress
        Called as the run goes on.
    keep
        Puts the report where it stays; the journal that it was made from is removed only afterwards.

    Raises
    ------
    ScanwardError
        The run as a whole cannot be done; the same request goes on from where it stopped.
    """
    layouts = read_layouts(request.layouts)
    profile = with_layouts(with_mode(load_profile(request.profile), request.pixels), layouts)
    profile = with_text(with_faces(profile, request.faces), request.text, request.documents)
    home = find_home(request.home)
    settings = _load_settings(home) if request.engine == QUEUE else None
    make_private_folder(home)
    spool = home / "spool"
    make_private_folder(spool)
    keys = KeyFolder(home)
    report = RunReport(
        version=__version__,
        profile=profile.name,
        profile_description=profile.description,
        recipient=request.recipient,
        standard_edition=EDITION,
        started=_now(),
        pixels=profile.pixels.in_words,
        faces=profile.faces.in_words,
        body=profile.body.in_words,
        text=profile.text.in_words,
    )
    with contextlib.ExitStack() as stack:
        sources = FolderSources(request.sources, exclude=request.out, spool=spool)
        stack.callback(sources.close)
        output = OutputFolder(request.out)
        output.prepare()
        stack.callback(output.close)
        run = run_id(
            (
                *(str(source.resolve()) for source in request.sources),
                str(request.out.resolve()),
                profile_digest(request.profile),
                request.recipient,
                keys.key_id(),
                __version__,
                str(request.release_unchecked_pixels),
                request.pixels,
                request.faces,
                request.text,
                request.documents,
                str(request.recogniser or ""),
                layouts,
            )
        )
        report.run_id = run
        journals: list[SqliteJournal] = []

        def open_journal() -> SqliteJournal:
            journal = SqliteJournal(home, run)
            journals.append(journal)
            stack.callback(journal.close)
            return journal

        worker = Worker(
            sources=sources,
            output=output,
            profile=profile,
            recipient=request.recipient,
            recipient_key=keys.recipient_key(request.recipient),
            release_unchecked_pixels=request.release_unchecked_pixels,
            spool=spool,
            make_cleaner=cleaner_maker(spool),
            make_planner=planner_maker(spool),
            make_carriers=make_carriers,
            make_recogniser=recogniser_maker(request.recogniser),
        )
        pool, unit_files = _choose_pool(request, layouts, settings, home, run, keys, output)
        deidentify_files(
            FileRun(
                sources=sources,
                journal=open_journal,
                has_output=output.has,
                boot=_boot(),
                sync=output.sync,
                worker=worker,
                profile=profile,
                workers=request.workers,
                report=report,
                open_pool=pool,
                unit_files=unit_files,
            ),
            lambda phase, done, total, done_bytes, total_bytes: progress(
                Progress(
                    phase=phase, done_files=done, total_files=total, done_bytes=done_bytes, total_bytes=total_bytes
                )
            ),
        )
        report.finished = _now()
        keep(report)
        for journal in journals:
            journal.finish()
    return report


def _load_settings(home: Path) -> GatewaySettings:
    from scanward.adapters.settings import load_settings  # the file command alone has none

    return load_settings(home)


def _choose_pool(
    request: DeidentifyRequest,
    layouts: str,
    settings: GatewaySettings | None,
    home: Path,
    run: str,
    keys: KeyFolder,
    output: OutputFolder,
) -> tuple[OpenPool, int]:
    """Return who does the work, and how many inputs at a time."""
    if settings is None:
        return open_pool, UNIT_FILES
    # The queue needs a database and its libraries, which a run without one does not wait for.
    from scanward.adapters.sealing import MasterSealing
    from scanward.bootstrap.batch import QueueRun

    queued = QueueRun(
        request=request,
        layouts=layouts,
        home=home,
        settings=settings,
        job_id=MasterSealing(keys.derived_key("ledger")).blind("job", run),
        key_id=keys.key_id(),
        output=output,
    )
    return queued.open_pool, settings.shard_instances


def _boot() -> str:
    """Return what names this start of the machine; where the system has no name for it, the journal is trusted."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
