"""Builds what carries out shards of a batch on this machine."""

from pathlib import Path

from scanward import __version__
from scanward.adapters.receive.folder import FolderSources
from scanward.adapters.send.shards import ShardFolder
from scanward.bootstrap.documents import make_carriers, recogniser_maker, with_text
from scanward.bootstrap.faces import planner_maker, with_faces
from scanward.bootstrap.pixels import cleaner_maker, with_layouts, with_mode
from scanward.bootstrap.stores import Stores
from scanward.deidentify.profile import parse_profile
from scanward.errors import ConfigError
from scanward.flow.shards import Hand, Hands, JobSpec
from scanward.flow.worker import Worker


def make_hands(stores: Stores) -> Hands:
    """Return what carries out shards on this machine."""

    def make(spec: JobSpec) -> Hand:
        if spec.version != __version__ or spec.key_id != stores.keys.key_id():
            raise ConfigError(
                "expected the version and the keys of the batch, got others",
                remedy="Give every worker the same version of Scanward and the same master key.",
            )
        out = Path(spec.out)
        output = ShardFolder(out, spec.folder)
        sources = FolderSources([Path(source) for source in spec.sources], exclude=out, spool=stores.spool)
        profile = with_faces(with_mode(parse_profile(spec.profile), spec.pixels), spec.faces)
        profile = with_text(profile, spec.text, spec.documents)
        worker = Worker(
            sources=sources,
            output=output,
            profile=with_layouts(profile, spec.layouts),
            recipient=spec.recipient,
            recipient_key=stores.keys.recipient_key(spec.recipient),
            release_unchecked_pixels=spec.release_unchecked_pixels,
            spool=stores.spool,
            make_cleaner=cleaner_maker(stores.spool),
            make_planner=planner_maker(stores.spool),
            make_carriers=make_carriers,
            make_recogniser=recogniser_maker(Path(spec.recogniser) if spec.recogniser else None),
        )

        def close() -> None:
            sources.close()
            output.close()

        return Hand(worker=worker, output=output, close=close)

    return Hands(make)
