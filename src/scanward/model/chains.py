"""What was stated of an object, as it is shown: its custody, with what vouches for it."""

from dataclasses import dataclass, field
from datetime import datetime

from scanward.model.custody import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenStatement:
    """A statement whose signature and place in the chain hold.

    Attributes
    ----------
    statement
        What it says.
    index
        Its place in the log; None while it is on its way there.
    attested
        When a witness or a timestamp authority saw it there; None where none did.
    """

    statement: Statement
    index: int | None
    attested: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """The custody of an object.

    Attributes
    ----------
    kind
        What it is: ``study``, ``instance``, ``copy``, ``release``, ``result``.
    object_id
        Its opaque id.
    statements
        In order; empty where something does not hold.
    fault
        What does not hold, in words; empty where all does.
    fault_name
        Its name, for programs.
    """

    kind: str
    object_id: str
    statements: tuple[ProvenStatement, ...] = ()
    fault: str = ""
    fault_name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CustodyReport:
    """The custody of a study or an instance.

    Attributes
    ----------
    origin, log_size
        Of the log.
    chains
        Of all objects that belong to it.
    """

    origin: str
    log_size: int
    chains: tuple[Chain, ...] = field(repr=False)

    @property
    def is_sound(self) -> bool:
        """Whether all of it holds."""
        return not any(one.fault for one in self.chains)
