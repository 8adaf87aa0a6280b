"""What can become of a field when data is anonymised: each rule is the expression that replaces the values."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import SHA256, Concat, Lower, Substr
from django.utils.crypto import salted_hmac

type Field = models.Field[Any, Any]

DIGITS: Final = 16  # hexadecimal, so 64 bits: among ten million values, two agree with a chance of 1 : 400,000
FEWEST_DIGITS: Final = 12
NOWHERE: Final = "example.invalid"  # a domain that never receives mail (RFC 2606)


class Digest(SHA256):
    """SHA-256 in hexadecimal. On PostgreSQL it is built in, but Django's own asks for the extension pgcrypto."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **context)


def secret() -> str:
    """Return the key of this environment's pseudonyms: it follows from SECRET_KEY, and is stored nowhere."""
    return salted_hmac("anonymising", "pseudonyms", algorithm="sha256", secret=settings.SECRET_KEY).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values to replace: those in `column`, which are such as `field` holds (the target's, for a relation)."""

    field: Field
    column: str
    key: str


class Rule(ABC):
    """What becomes of one field's values."""

    @abstractmethod
    def problem(self, field: Field) -> str:
        """Return why the rule cannot serve this field, or nothing."""

    @abstractmethod
    def expression(self, values: Values) -> Combinable | None:
        """Return what replaces the values. None: they stay."""


@dataclass(frozen=True)
class Keep(Rule):
    """The values stay: they are public, or tell nothing about a person."""

    def problem(self, field: Field) -> str:
        """Return what to use for files instead."""
        return "use KeepFile or Clear for files" if isinstance(field, models.FileField) else ""

    def expression(self, values: Values) -> None:
        """Return None."""


@dataclass(frozen=True)
class KeepFile(Rule):
    """The files stay, and their names: the restore brings them over."""

    def problem(self, field: Field) -> str:
        """Return that it is for files."""
        return "" if isinstance(field, models.FileField) else "KeepFile is for files: use Keep"

    def expression(self, values: Values) -> None:
        """Return None."""


@dataclass(frozen=True)
class Clear(Rule):
    """Nothing stays: NULL where the field allows it, else the empty text. Files are not brought over."""

    def problem(self, field: Field) -> str:
        """Return what stands against an empty value."""
        if field.null:
            return ""
        if field.unique:
            return "Clear would give every row the same value, and the field is unique: use Pseudonym"
        return "" if holds_text(field) else "the field cannot be empty: use Replace"

    def expression(self, values: Values) -> Combinable:
        """Return NULL or the empty text."""
        return Value(None if values.field.null else "", output_field=values.field)


@dataclass(frozen=True)
class Replace(Rule):
    """Every row gets the same value."""

    value: Any

    def problem(self, field: Field) -> str:
        """Return that a unique field cannot have one value."""
        return "Replace would give every row the same value, and the field is unique" if field.unique else ""

    def expression(self, values: Values) -> Combinable:
        """Return the value."""
        return Value(self.value, output_field=values.field)


@dataclass(frozen=True)
class UnusablePassword(Rule):
    """Nobody logs in with the old password, nor with any other, until a new one is set."""

    def problem(self, field: Field) -> str:
        """Return that it is for text."""
        return "" if holds_text(field) else "UnusablePassword is for text"

    def expression(self, values: Values) -> Combinable:
        """Return a value that begins as `set_unusable_password` begins its own."""
        return Value("!anonymised", output_field=values.field)


@dataclass(frozen=True)
class Pseudonym(Rule):
    """`Person-0123456789abcdef`: the same for the same value, whatever the table. Empty values stay empty."""

    label: str = ""

    def problem(self, field: Field) -> str:
        """Return why no pseudonym fits into the field."""
        if not holds_text(field) or isinstance(field, models.FileField):
            return "Pseudonym is for text: use Clear or Replace"
        if field.unique and room_for_digits(field) < FEWEST_DIGITS:
            return f"the field is unique, and too short for {FEWEST_DIGITS} digits: erase the rows, or make it longer"
        return ""

    def expression(self, values: Values) -> Combinable:
        """Return the label and as many digits as fit."""
        digits, length = room_for_digits(values.field), values.field.max_length
        prefix = f"{self.label}-" if self.label else ""
        if length is not None and len(prefix) + digits > length:
            prefix = ""
        return unless_empty(values, Concat(Value(prefix), digest(F(values.column), values.key, digits)))


@dataclass(frozen=True)
class Email(Rule):
    """`user-0123456789abcdef@example.invalid`: the same for the same address, whatever its case and the table."""

    def problem(self, field: Field) -> str:
        """Return that the field has no room for an address."""
        longest = len(f"user-@{NOWHERE}") + DIGITS
        if not holds_text(field) or (field.max_length or longest) < longest:
            return f"Email is for text of {longest} or more characters"
        return ""

    def expression(self, values: Values) -> Combinable:
        """Return an address in lower case."""
        name = digest(Lower(F(values.column)), values.key, DIGITS)
        return unless_empty(values, Concat(Value("user-"), name, Value(f"@{NOWHERE}")))


def holds_text(field: Field) -> bool:
    """Return whether the field's values are text, with the empty text for none."""
    return isinstance(field, models.CharField | models.TextField | models.FileField)


def room_for_digits(field: Field) -> int:
    """Return how many digits of a digest fit into the field."""
    return DIGITS if field.max_length is None else min(DIGITS, field.max_length)


def digest(text: Combinable, key: str, digits: int) -> Combinable:
    """Return the first digits of SHA-256 over key and text. All keys are of one length, so no two pairs read alike."""
    return Substr(Digest(Concat(Value(key), text, output_field=models.TextField())), 1, digits)


def unless_empty(values: Values, replacement: Combinable) -> Combinable:
    """Return the replacement, but NULL for NULL and the empty text for the empty text."""
    empty = Q(**{f"{values.column}__isnull": True}) | Q(**{values.column: ""})
    return Case(When(empty, then=F(values.column)), default=replacement, output_field=values.field)
