"""Pages in French."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_pages_are_in_the_language_of_the_browser(client: Client) -> None:
    response = client.get("/", headers={"Accept-Language": "fr-CA,en;q=0.5"})
    assert '<html lang="fr">' in response.content.decode()


def test_the_users_choice_takes_precedence_and_returns_to_the_page(client: Client) -> None:
    choice = {"language": "fr", "next": "/accounts/login/?next=/tasks/"}
    response = client.post("/i18n/setlang/", choice, follow=True, headers={"Accept-Language": "en"})
    assert response.redirect_chain == [("/accounts/login/?next=/tasks/", 302)]
    assert '<html lang="fr">' in response.content.decode()


def test_a_choice_never_redirects_to_another_site(client: Client) -> None:
    response = client.post("/i18n/setlang/", {"language": "fr", "next": "https://evil.example/"})
    assert response["Location"] == "/"


def test_every_page_offers_each_language_by_its_own_name(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "English</button>" in page
    assert "Français</button>" in page


@pytest.mark.urls("pages.tests.test_errors")
@pytest.mark.parametrize(("address", "words"), [("/fail", "Une erreur est survenue"), ("/suspect", "Requête invalide")])
def test_error_pages_are_in_the_users_language(address: str, words: str) -> None:
    client = Client(raise_request_exception=False, headers={"X-Real-IP": "192.0.2.1"})
    assert words in client.get(address, headers={"Accept-Language": "fr"}).content.decode()
