"""The properties of the component `StackStatus`."""

import json

from bedplate.django.operations.templatetags.operations import stack_status
from django.utils.translation import override


def test_texts_are_in_the_language_of_the_page() -> None:
    with override("fr"):
        properties = json.loads(stack_status())
    assert properties["url"] == "/health/services"
    assert properties["labels"]["checks"]["database"] == "Base de données"
    assert properties["labels"]["ok"] == "Tous les services répondent."
