"""What can go wrong, said so that people know what to do next."""


class BackupError(Exception):
    """Something failed. The message says what, and what to do about it."""


class UnusableBackupError(BackupError):
    """The backup itself is at fault: damaged, incomplete, or what it restores to is not what was backed up.

    Every other failure (no disk, no key, no network, a held lock, an interruption) says nothing about the backup.
    """


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


class ForbiddenError(AccessError):
    """The store knows the account, which may not do this."""
