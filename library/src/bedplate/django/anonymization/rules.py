"""The rules for fields: each returns the expression that replaces the values."""

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

DIGITS: Final = 16  # hexadecimal, so 64 bits: with ten million values, the probability of a collision is 1 : 400,000
MIN_DIGITS: Final = 12
NOWHERE: Final = "example.invalid"  # a domain that never receives mail (RFC 2606)


class Digest(SHA256):
    """SHA-256 in hexadecimal. PostgreSQL has it built in, but Django's SHA256 requires the extension pgcrypto."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **context)


def secret() -> str:
    """Return the key of this environment's pseudonyms. It is derived from SECRET_KEY, and not stored."""
    return salted_hmac("anonymising", "pseudonyms", algorithm="sha256", secret=settings.SECRET_KEY).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values to replace: `column` has them, `field` defines their type (for a relation, its target field)."""

    field: Field
    column: str
    key: str


class Rule(ABC):
    """A rule for the values of a field."""

    @abstractmethod
    def problem(self, field: Field) -> str:
        """Return why the rule cannot be used for this field, or an empty string."""

    @abstractmethod
    def expression(self, values: Values) -> Combinable | None:
        """Return the expression that replaces the values; None to keep them."""


@dataclass(frozen=True)
class Keep(Rule):
    """Keep the values: they are public, or not personal."""

    def problem(self, field: Field) -> str:
        """Return an error if the field is for files."""
        return "use KeepFile or Clear for files" if isinstance(field, models.FileField) else ""

    def expression(self, values: Values) -> None:
        """Return None."""


@dataclass(frozen=True)
class KeepFile(Rule):
    """Keep the files and their names: the restore copies them."""

    def problem(self, field: Field) -> str:
        """Return an error unless the field is for files."""
        return "" if isinstance(field, models.FileField) else "KeepFile is for files: use Keep"

    def expression(self, values: Values) -> None:
        """Return None."""


@dataclass(frozen=True)
class Clear(Rule):
    """Clear the values: NULL if the field allows it, otherwise the empty string. Files are not copied."""

    def problem(self, field: Field) -> str:
        """Return an error if the field cannot be empty, or is unique."""
        if field.null:
            return ""
        if field.unique:
            return "Clear would give every row the same value, but the field is unique: use Pseudonym"
        return "" if holds_text(field) else "the field cannot be empty: use Replace"

    def expression(self, values: Values) -> Combinable:
        """Return NULL or the empty string."""
        return Value(None if values.field.null else "", output_field=values.field)


@dataclass(frozen=True)
class Replace(Rule):
    """Replace the values with one fixed value."""

    value: Any

    def problem(self, field: Field) -> str:
        """Return an error if the field is unique."""
        return "Replace would give every row the same value, but the field is unique" if field.unique else ""

    def expression(self, values: Values) -> Combinable:
        """Return the value."""
        return Value(self.value, output_field=values.field)


@dataclass(frozen=True)
class UnusablePassword(Rule):
    """Replace the password with an unusable one: no login is possible until a new password is set."""

    def problem(self, field: Field) -> str:
        """Return an error unless the field is for text."""
        return "" if holds_text(field) else "UnusablePassword is for text"

    def expression(self, values: Values) -> Combinable:
        """Return a value with the prefix of `set_unusable_password`."""
        return Value("!anonymised", output_field=values.field)


@dataclass(frozen=True)
class Pseudonym(Rule):
    """`Person-0123456789abcdef`: equal values get equal pseudonyms, in all tables. Empty values stay empty."""

    label: str = ""

    def problem(self, field: Field) -> str:
        """Return an error if a pseudonym does not fit into the field."""
        if not holds_text(field) or isinstance(field, models.FileField):
            return "Pseudonym is for text: use Clear or Replace"
        if field.unique and room_for_digits(field) < MIN_DIGITS:
            return f"the field is unique, and too short for {MIN_DIGITS} digits: erase the rows, or make it longer"
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
    """`user-0123456789abcdef@example.invalid`: equal addresses, whatever their case, get equal ones in all tables."""

    def problem(self, field: Field) -> str:
        """Return an error if the field is too short for an address."""
        longest = len(f"user-@{NOWHERE}") + DIGITS
        if not holds_text(field) or (field.max_length or longest) < longest:
            return f"Email is for text of {longest} or more characters"
        return ""

    def expression(self, values: Values) -> Combinable:
        """Return an address in lower case."""
        name = digest(Lower(F(values.column)), values.key, DIGITS)
        return unless_empty(values, Concat(Value("user-"), name, Value(f"@{NOWHERE}")))


def holds_text(field: Field) -> bool:
    """Return whether the field's values are text, with the empty string for no value."""
    return isinstance(field, models.CharField | models.TextField | models.FileField)


def room_for_digits(field: Field) -> int:
    """Return the number of digits of a digest that fit into the field."""
    return DIGITS if field.max_length is None else min(DIGITS, field.max_length)


def digest(text: Combinable, key: str, digits: int) -> Combinable:
    """Return the first digits of SHA-256 over key and text. All keys have one length, so the pairs are unambiguous."""
    return Substr(Digest(Concat(Value(key), text, output_field=models.TextField())), 1, digits)


def unless_empty(values: Values, replacement: Combinable) -> Combinable:
    """Return the replacement; keep NULL and the empty string."""
    empty = Q(**{f"{values.column}__isnull": True}) | Q(**{values.column: ""})
    return Case(When(empty, then=F(values.column)), default=replacement, output_field=values.field)
