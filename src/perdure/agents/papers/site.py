"""Where papers come from: the addresses a library may use, and what can go wrong there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from perdure.agents.papers.identifiers import ArxivId
from perdure.agents.web.guard import USER_AGENT
from perdure.errors import InvalidInput, NotFound, Unavailable

API_BASE = "https://export.arxiv.org"
PDF_BASE = "https://export.arxiv.org"
INTERVAL_S = 3.0

_OWN_HOSTS = ("arxiv.org", "www.arxiv.org", "export.arxiv.org")
_PORTS = {"http": 80, "https": 443}
_Origin = tuple[str, str, int]


class ArxivUnreachable(Unavailable):
    """arXiv did not answer, or answered that it cannot now. Trying later may help."""

    code = "arxiv-unreachable"


class PaperNotFound(NotFound):
    """arXiv has no such paper, version or file."""

    code = "paper-not-found"


class PaperRefused(InvalidInput):
    """What came is not the paper: no PDF, too large, or from somewhere else."""

    code = "paper-refused"


@dataclass(frozen=True)
class Site:
    """The bases of the query interface and of the PDFs, and how we say who asks.

    Raises:
        InvalidInput: when a base is not an http or https address.
    """

    api_base: str = API_BASE
    pdf_base: str = PDF_BASE
    contact: str | None = None

    def __post_init__(self) -> None:
        for base in (self.api_base, self.pdf_base):
            parts = urlsplit(base)
            if parts.query or parts.fragment or parts.username or "{" in base:
                raise InvalidInput(f"{base!r} is not a base address for arXiv such as {API_BASE}")
            _origin(base)

    @property
    def user_agent(self) -> str:
        """What requests call themselves; arXiv asks for a way to reach whoever runs them."""
        about = f"; {self.contact}" if self.contact else ""
        return f"{USER_AGENT} (arXiv downloads for research{about})"

    @property
    def own_hosts(self) -> list[str]:
        """The hosts of the two bases, as `host:port`."""
        found: list[str] = []
        for base in (self.api_base, self.pdf_base):
            _, host, port = _origin(base)
            found.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        return found

    def query_url_format(self) -> str:
        """The query interface's address, with `{}` for the parameters."""
        return self.api_base.rstrip("/") + "/api/query?{}"

    def pdf_url(self, paper: ArxivId) -> str:
        """The address of a paper's PDF."""
        return f"{self.pdf_base.rstrip('/')}/pdf/{paper}"

    def allows(self, url: str) -> bool:
        """Whether a request may go there: arXiv itself over https, or one of the two bases."""
        try:
            origin = _origin(url)
        except InvalidInput:
            return False
        own = {("https", host, 443) for host in _OWN_HOSTS}
        return origin in own | {_origin(self.api_base), _origin(self.pdf_base)}


def _origin(url: str) -> _Origin:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise InvalidInput(f"{url[:200]!r} is not an http or https address") from None
    if not parts.hostname:
        raise InvalidInput(f"{url[:200]!r} is not an http or https address")
    return parts.scheme, parts.hostname.lower(), port
