"""The registry of the rules in the apps' `anonymisation.py`."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from django.apps import AppConfig, apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.module_loading import module_has_submodule

from bedplate.django.anonymization.rules import Rule

Model = type[models.Model]
RULES: Final = "anonymisation"


class AnonymizationError(Exception):
    """The data cannot be anonymized; the message gives the reason and what to do."""


AnonymisingError = AnonymizationError  # former name, until 1.3


@dataclass
class Registry:
    """The rules of each model, and of the tables without a model."""

    fields: dict[Model, dict[str, Rule]] = field(default_factory=dict)
    erased: set[Model] = field(default_factory=set)
    kept_tables: set[str] = field(default_factory=lambda: {"django_migrations"})
    erased_tables: set[str] = field(default_factory=set)

    def rules(self, model: Model | str, /, **rules: Rule) -> None:
        """Set the rules of a model's fields. Later rules override earlier ones: an app may override the library.

        Name a model by its label if its app may not be installed.
        """
        if (found := installed(model)) is not None:
            for name in rules:
                require_own_field(found, name)
            self.erased.discard(found)
            self.fields.setdefault(found, {}).update(rules)

    def erase(self, *models: Model | str) -> None:
        """Erase all rows of the models, and the rows that their `on_delete` deletes with them."""
        found = {model for model in map(installed, models) if model is not None}
        self.erased |= found
        for model in found:
            self.fields.pop(model, None)

    def keep_table(self, name: str) -> None:
        """Keep a table without a model (`table`, or `schema.table`): it contains no personal data."""
        self.kept_tables.add(name)
        self.erased_tables.discard(name)

    def erase_table(self, name: str) -> None:
        """Erase all rows of a table without a model. `pg_largeobject` means PostgreSQL's large objects."""
        self.erased_tables.add(name)
        self.kept_tables.discard(name)


def installed(model: Model | str) -> Model | None:
    """Return the model, or None if it is the label of a model that is not installed."""
    if not isinstance(model, str):
        return model
    try:
        return apps.get_model(model)
    except LookupError:
        return None


def require_own_field(model: Model, name: str) -> None:
    """Raise AnonymizationError if the model's own table does not have the field."""
    try:
        found: Any = meta(model).get_field(name)
    except FieldDoesNotExist:
        found = None
    if found not in meta(model).local_concrete_fields:
        raise AnonymizationError(
            f"The rule for {meta(model).label}.{name} is invalid: the model's own table has no such field. "
            f"Correct anonymisation.py in the app {meta(model).app_label}."
        )


def meta(model: Model) -> Any:
    """Return Django's documented `Model._meta`."""
    return model._meta  # noqa: SLF001


REGISTRY: Final = Registry()
rules = REGISTRY.rules
erase = REGISTRY.erase
keep_table = REGISTRY.keep_table
erase_table = REGISTRY.erase_table


def discover() -> Registry:
    """Import the rules of all apps, and return the registry."""
    for config in sorted(apps.get_app_configs(), key=_is_team_app):
        if module_has_submodule(config.module, RULES):
            import_module(f"{config.name}.{RULES}")
    return REGISTRY


def _is_team_app(config: AppConfig) -> bool:
    """Return whether an app is the team's: its rules are read after the library's, to override them."""
    return not config.name.startswith("bedplate.")
