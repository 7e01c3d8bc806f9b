"""What goes wrong in a log-in by an OpenID provider."""


class OpenIDError(Exception):
    """The log-in failed. `code` says why: for the log, the page and the doctor; it holds nothing that was received."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ProviderUnreachable(OpenIDError):
    """The provider does not respond in time, or too many requests wait for it."""


class LoginRefused(OpenIDError):
    """The provider says that the user may not log in, or that they declined."""
