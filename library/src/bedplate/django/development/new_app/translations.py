"""The translations of a new app's texts."""

from typing import Final

from bedplate.django.development import catalog

NBSP: Final = "\N{NO-BREAK SPACE}"
FRENCH: Final = {
    "Add": "Ajouter",
    "Cancel": "Annuler",
    "Created": "Créé",
    "Delete": "Supprimer",
    "Delete %(found)s": "Supprimer %(found)s",
    "Delete <strong>%(found)s</strong>? It cannot be restored here.": (
        f"Supprimer <strong>%(found)s</strong>{NBSP}? Cette suppression est définitive."
    ),
    "It is added.": "Ajout enregistré.",
    "It is deleted.": "Suppression effectuée.",
    "It is saved.": "Modification enregistrée.",
    "Name": "Nom",
    "Next": "Suivant",
    "Previous": "Précédent",
    "Save": "Enregistrer",
    "There is nothing yet.": "Rien pour le moment.",
    "created": "créé",
    "name": "nom",
    "owner": "propriétaire",
}


def translated(written: str, locale: str, *, before: str = "") -> tuple[str, list[str]]:
    """Return the catalog in which each new text has a translation, and the texts that have only themselves.

    A text without a known translation gets itself, so that the tests pass; a person translates it. Texts that were in
    the catalog before stay as they are: the project's own still wait for their translation.
    """
    known = FRENCH if locale == "fr" else {}
    old = {entry.text for entry in catalog.entries(before) if entry.fields.get("msgid")}
    parts, unknown = [], []
    for entry in catalog.entries(written):
        part = entry.written
        singular = entry.fields.get("msgid", "")
        if singular and entry.text not in old and not any(entry.translations) and not entry.text.plural:
            if singular not in known:
                unknown.append(singular)
            translation = catalog.quoted(known.get(singular, singular))
            part = part.replace('msgstr ""', f"msgstr {translation}")
        parts.append(part)
    return "".join(parts), unknown
