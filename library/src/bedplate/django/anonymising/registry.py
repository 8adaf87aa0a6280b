"""Which rule applies where: what the apps' `anonymisation.py` say."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from django.apps import AppConfig, apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.module_loading import module_has_submodule

from bedplate.django.anonymising.rules import Rule

Model = type[models.Model]
RULES: Final = "anonymisation"


class AnonymisingError(Exception):
    """The data cannot be anonymised; the message says why, and what to do."""


@dataclass
class Registry:
    """The rules by model, and the tables that belong to no model."""

    fields: dict[Model, dict[str, Rule]] = field(default_factory=dict)
    erased: set[Model] = field(default_factory=set)
    kept_tables: set[str] = field(default_factory=lambda: {"django_migrations"})
    erased_tables: set[str] = field(default_factory=set)

    def rules(self, model: Model | str, /, **rules: Rule) -> None:
        """Say what becomes of a model's fields. What is said later counts: an app may overrule the library.

        A model of an app that may not be installed is named by its label.
        """
        if (found := installed(model)) is not None:
            for name in rules:
                require_own_field(found, name)
            self.erased.discard(found)
            self.fields.setdefault(found, {}).update(rules)

    def erase(self, *models: Model | str) -> None:
        """Say that all rows of the models go, and what their `on_delete` takes along."""
        found = {model for model in map(installed, models) if model is not None}
        self.erased |= found
        for model in found:
            self.fields.pop(model, None)

    def keep_table(self, name: str) -> None:
        """Say that a table without a model (`table`, or `schema.table`) holds nothing about a person."""
        self.kept_tables.add(name)
        self.erased_tables.discard(name)

    def erase_table(self, name: str) -> None:
        """Say that all rows of a table without a model go. `pg_largeobject`: PostgreSQL's large objects."""
        self.erased_tables.add(name)
        self.kept_tables.discard(name)


def installed(model: Model | str) -> Model | None:
    """Return the model, or None when it is the label of one that is not installed."""
    if not isinstance(model, str):
        return model
    try:
        return apps.get_model(model)
    except LookupError:
        return None


def require_own_field(model: Model, name: str) -> None:
    """Raise AnonymisingError unless the model's own table has the field."""
    try:
        found: Any = meta(model).get_field(name)
    except FieldDoesNotExist:
        found = None
    if found not in meta(model).local_concrete_fields:
        raise AnonymisingError(
            f"The rule for {meta(model).label}.{name} has no place: the model's own table has no such field. "
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
    """Return the rules of all apps."""
    for config in sorted(apps.get_app_configs(), key=_is_of_the_team):
        if module_has_submodule(config.module, RULES):
            import_module(f"{config.name}.{RULES}")
    return REGISTRY


def _is_of_the_team(config: AppConfig) -> bool:
    """Return whether an app's rules are read after the library's, which they overrule, wherever it is installed."""
    return not config.name.startswith("bedplate.")
