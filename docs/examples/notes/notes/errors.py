"""Errors between Notes and Picard, as shown to the user."""


class PicardError(Exception):
    """An error with the title and detail of its page."""

    status = 502
    title = "Something went wrong"
    detail = "Picard sent an unexpected response."
    may_connect = False


class PicardDown(PicardError):
    status = 503
    title = "Picard is unavailable"
    detail = "Your memories are safe. Try again in a moment."


class AccessEnded(PicardError):
    status = 401
    title = "Notes no longer has access"
    detail = "You disconnected or paused Notes, or its access expired. Connect again to continue."
    may_connect = True


class ScopeMissing(PicardError):
    status = 403
    title = "Permission required"
    may_connect = True

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.detail = f"Notes needs the permission “{scope}”. Connect again and leave it selected."


class MemoryNotFound(PicardError):
    status = 404
    title = "Memory not found"
    detail = "It was deleted, or Notes has no access to it."


class VersionConflict(PicardError):
    status = 409
    title = "Edit conflict"
    detail = "This memory was changed after you opened it. Open it again to see the current text."


class RateLimited(PicardError):
    status = 429
    title = "Too many requests"

    def __init__(self, retry_after_s: str) -> None:
        super().__init__(retry_after_s)
        self.detail = f"Wait {retry_after_s} seconds, then try again."


class InvalidRequest(PicardError):
    status = 400
    title = "Picard rejected the request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class AuthorizationFailed(PicardError):
    status = 400
    title = "Could not connect to Picard"
    may_connect = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
