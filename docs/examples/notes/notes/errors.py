"""What can go wrong between Notes and Picard."""


class PicardError(Exception):
    """Said to the person in these words."""

    status = 502
    title = "That did not work"
    words = "Picard gave an answer that Notes does not know."
    may_connect = False


class PicardDown(PicardError):
    status = 503
    title = "Picard does not answer"
    words = "Your memories are safe there. Try again in a moment."


class AccessEnded(PicardError):
    status = 401
    title = "Picard no longer lets Notes in"
    words = "You ended or paused this connection, or it ran out. To go on, connect again."
    may_connect = True


class ScopeMissing(PicardError):
    status = 403
    title = "You have not allowed this"
    may_connect = True

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.words = f"Notes would need “{scope}”. Connect again, and leave it ticked."


class NotFound(PicardError):
    status = 404
    title = "There is no such memory"
    words = "It was deleted, or it is not among those that Notes may see."


class ChangedMeanwhile(PicardError):
    status = 409
    title = "It was changed meanwhile"
    words = "Somebody else changed this memory after you opened it. Open it again and look."


class TooMany(PicardError):
    status = 429
    title = "Too fast"

    def __init__(self, retry_after_s: str) -> None:
        super().__init__(retry_after_s)
        self.words = f"Picard asks Notes to wait {retry_after_s} seconds."


class Refused(PicardError):
    status = 400
    title = "Picard cannot take this"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class WrongAnswer(PicardError):
    status = 400
    title = "Connecting did not work"
    may_connect = True

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words
