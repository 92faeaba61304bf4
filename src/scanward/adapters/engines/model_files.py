"""Models that packages carry in their wheels: found, checked byte for byte, and made ready to run."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanward.errors import EngineError

REMEDY = "Install what looking at pixels needs: pip install 'scanward[pixels]'."

REMEDY_RUN = (
    "Let the process have memory that it writes and executes (MemoryDenyWriteExecute=no of systemd), or "
    "install the packages again."
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """A model in the wheel of a package, whose code is not run.

    Attributes
    ----------
    name
        Model and version, for the report.
    package
        Whose wheel carries it, as imported.
    path
        Where in the package.
    sha256
        Of its bytes: another version of the package may carry another model, whose output nobody measured.
    """

    name: str
    package: str
    path: str
    sha256: str


class Run(Protocol):
    """A model that is ready: takes its only input, returns its only output."""

    def __call__(self, values: Floats, /) -> Floats:
        """Run it once; safe from one thread at a time."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to run.

    Attributes
    ----------
    run
        Runs it.
    notes
        What its maker wrote into it, by name.
    """

    run: Run
    notes: Mapping[str, str]


def read_model_file(model: ModelFile) -> bytes:
    """Return the bytes of a model.

    Raises
    ------
    EngineError
        The package is missing, has no such file, or carries another model.
    """
    spec = util.find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / model.path
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() != model.sha256:
            raise EngineError(f"{model.name}: expected the model that was measured, got another", remedy=REMEDY)
        return data
    raise EngineError(f"{model.name}: expected it in the package {model.package}, found none", remedy=REMEDY)


def load_model(model: ModelFile) -> LoadedModel:
    """Make a model ready to run on one thread of the CPU, in full precision.

    One thread, since workers are processes; OpenVINO, since it takes half to a quarter of the time of onnxruntime for
    the same output.

    Raises
    ------
    EngineError
        A package is missing, carries another model, or the model cannot be made ready.
    """
    data = read_model_file(model)
    try:
        import openvino
    except ImportError:
        raise EngineError("expected the package openvino, found none", remedy=REMEDY) from None
    try:
        network = openvino.Core().read_model(data)
        compiled = openvino.Core().compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                # Else each process runs on the first core, whatever the others do.
                "ENABLE_CPU_PINNING": False,
                # What is made ready for each size of picture is kept; of thousands of sizes that came to gigabytes.
                "CPU_RUNTIME_CACHE_CAPACITY": 200,
            },
        )
        names = network.get_rt_info()["framework"] if network.has_rt_info("framework") else ()
        notes = {name: network.get_rt_info(["framework", name]).astype(str) for name in names}
    except RuntimeError:
        raise EngineError(f"{model.name}: expected a model that OpenVINO can run", remedy=REMEDY_RUN) from None
    return LoadedModel(_runner(compiled.create_infer_request().infer, model.name), notes)


def _runner(infer: Callable[..., Mapping[int, Floats]], name: str) -> Run:
    def run(values: Floats, /) -> Floats:
        try:
            # The result is a view of memory that the next run writes over.
            return infer([values], share_inputs=True)[0].copy()
        except RuntimeError:
            raise EngineError(f"{name}: expected to run on an input of {values.shape}, failed") from None

    return run
