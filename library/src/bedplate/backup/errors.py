"""The errors of the backup commands. Each message says what failed and what to do next."""


class BackupError(Exception):
    """The base class: a command failed. The message says why, and what to do about it."""


class UnusableBackupError(BackupError):
    """The backup itself is at fault: damaged, incomplete, or restored to something else than was backed up.

    Every other failure (no disk, no key, no network, a held lock, an interruption) says nothing about the backup.
    """


class StaleBackupsError(BackupError):
    """The check read the store, and the backups are not as they should be."""


class WrongUseError(BackupError):
    """Invalid usage."""


class MissingError(BackupError):
    """The store has no such object."""


class ConflictError(BackupError):
    """Another writer has changed the object in the meantime."""


class ChangedError(BackupError):
    """The object in the store differs from the file that was read before."""


class AccessError(BackupError):
    """The credentials are missing, unusable, or give no access to the store."""


class ForbiddenError(AccessError):
    """The store knows the account and denies the operation."""
