"""A field for e-mail addresses that name one person each."""

from typing import Any

from django.db import models


class LowercaseEmailField(models.EmailField):
    """An e-mail address, stored and looked up in lower case: `Ada@Example.org` finds `ada@example.org`."""

    def to_python(self, value: Any) -> Any:
        """Return the address in lower case."""
        return lowercase(super().to_python(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the address in lower case, and leave it so in the instance."""
        value = lowercase(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """Return what queries compare with and what the database stores."""
        return lowercase(super().get_prep_value(value))


def lowercase(value: Any) -> Any:
    """Return text in lower case, anything else (None, an expression) as it is."""
    return value.lower() if isinstance(value, str) else value
