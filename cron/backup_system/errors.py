"""What can go wrong, said so that people know what to do next."""


class BackupError(Exception):
    """Something failed. The message says what, and what to do about it."""


class WrongUseError(BackupError):
    """The command was asked for something that it cannot mean."""


class MissingError(BackupError):
    """The store has no such object."""


class ConflictError(BackupError):
    """Somebody else has written the object in the meantime."""


class ChangedError(BackupError):
    """What arrived in the store is not what was read before."""


class AccessError(BackupError):
    """The credentials are missing, unusable, or do not get into the store."""
