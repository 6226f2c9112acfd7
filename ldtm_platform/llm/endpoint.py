"""Where the language model is and how patiently it is asked; and the ways in which it may not answer."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from ldtm_platform.settings import Settings
from ldtm_platform.sources.base import SourceError
from ldtm_platform.sources.proxies import proxy_to
from ldtm_platform.stack.addresses import is_loopback

_SHORTEST_SECRET = 6


class ModelError(Exception):
    """The language model gave no usable answer; the message says what and what to do, and holds no key."""


class NotConfigured(ModelError):
    """No server is named."""


class Unreachable(ModelError):
    """The server did not answer, or not in time."""


class Refused(ModelError):
    """The server did not take the request as it was made."""


class ToolsRefused(Refused):
    """The server may take the request without tools."""


class TooLong(Refused):
    """The model's context is too small for what it was given."""


class Nonsense(ModelError):
    """The server's answer is not what an OpenAI-compatible server sends."""


@dataclass(frozen=True)
class Endpoint:
    """A server and a model on it (the server's first when None). timeout: seconds for one whole answer."""

    base_url: str
    key: SecretStr | None = None
    model: str | None = None
    timeout: float = 120.0
    connect_s: float = 5.0
    attempts: int = 3
    backoff_s: float = 0.5

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url})"

    @property
    def proxy(self) -> str | None:
        """The proxy on the way there, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY; none to this machine.

        Raises NotConfigured where the variable names no proxy.
        """
        if is_loopback(urlsplit(self.base_url).hostname or ""):
            return None
        try:
            found = proxy_to(self.base_url)
        except SourceError as error:
            raise NotConfigured(f"the language model cannot be asked: {error}") from error
        return found.url if found else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the API may stand, the likelier first: people name the host, the API's root or the very call."""
        root = self.base_url.rstrip("/").removesuffix("/completions").removesuffix("/chat")
        path = urlsplit(root).path
        if not path:
            return f"{root}/v1", root
        return (root, root.removesuffix("/v1")) if path.endswith("/v1") else (root, f"{root}/v1")

    def blanked(self, text: str) -> str:
        """A text without the key, which a server may echo."""
        secret = self.key.get_secret_value() if self.key else ""
        return text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text


def endpoint_of(settings: Settings) -> Endpoint:
    """The server that the settings name. Raises NotConfigured."""
    if not settings.llm_base_url:
        raise NotConfigured(
            "no language model is set: name an OpenAI-compatible server in LLM_BASE_URL, such as "
            "http://127.0.0.1:8080/v1 (llama.cpp, vLLM, Ollama, TensorRT-LLM), and its key, if any, in LLM_API_KEY"
        )
    return Endpoint(settings.llm_base_url, settings.llm_api_key, settings.llm_model, settings.llm_timeout)
