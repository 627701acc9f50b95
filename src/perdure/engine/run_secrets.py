"""The secrets that one execution of a run may use, and that are masked in all it writes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from perdure.core.sessions import Session
from perdure.errors import PerdureError
from perdure.redaction import redactor
from perdure.services import secrets
from perdure.services.progress import RunProgress


@dataclass
class RunSecrets:
    """Looks secrets up at the moment of their use, and has every value masked that was looked up."""

    progress: RunProgress
    session: Session
    _used: list[str] = field(default_factory=list[str])

    async def know(self, names: Iterable[str]) -> None:
        """Mask these from now on; one that is missing fails whoever uses it.

        What an execution before this one learned, from a model or a program, is used without looking anything up.
        """
        for name in sorted(names):
            with suppress(PerdureError):
                await self.value(name)

    async def value(self, name: str) -> str:
        """Return a secret at the moment of its use; from now on it is masked in all that is written.

        Raises:
            SecretMissing: when it is not there any more.
        """
        session = self.session
        value = await self.progress.read(lambda tx: secrets.resolve_in(tx, session, name))
        if value not in self._used:
            self._used += redactor.remember([value])
        return value

    def forget(self) -> None:
        """Look for them no more in what is written."""
        redactor.forget(self._used)
        self._used.clear()
