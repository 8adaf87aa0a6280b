"""A model field for email addresses, independent of case."""

from typing import Any

from django.db import models


class LowercaseEmailField(models.EmailField):
    """An email address, stored and looked up in lower case: `Ada@Example.org` finds `ada@example.org`."""

    def to_python(self, value: Any) -> Any:
        """Return the address in lower case."""
        return lowercase(super().to_python(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the address in lower case, and set it on the instance."""
        value = lowercase(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """Return the value for queries and for the database."""
        return lowercase(super().get_prep_value(value))


def lowercase(value: Any) -> Any:
    """Return text in lower case, any other value (None, an expression) unchanged."""
    return value.lower() if isinstance(value, str) else value
