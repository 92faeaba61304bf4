"""pynetdicom as a Storage SCP at its quickest: chunked to a file that is then renamed. Usage: PORT FOLDER."""

import sys
import tempfile
from pathlib import Path

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt

PDU_BYTES = 128 * 1024
MAX_CONTEXTS = 120


def main() -> None:
    """Serve until the process is ended."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    tempfile.tempdir = str(folder)  # where it spools to
    _config.STORE_RECV_CHUNKED_DATASET = True

    def store(event: evt.Event) -> int:
        event.dataset_path.replace(folder / f"{event.request.AffectedSOPInstanceUID}.dcm")
        return 0

    ae = AE(ae_title="PYNETDICOM")
    ae.maximum_pdu_size = PDU_BYTES
    for context in AllStoragePresentationContexts[:MAX_CONTEXTS]:
        ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    ae.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    main()
