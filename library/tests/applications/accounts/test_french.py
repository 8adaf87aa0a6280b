"""Mail in French."""

import pytest
from allauth.account.models import EmailAddress
from bedplate.testing.mail import send_queued_mail
from django.core.mail import EmailMessage
from django.test import Client
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


def test_a_mail_is_in_the_language_of_the_page(client: Client, user: User, mailoutbox: list[EmailMessage]) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/password/reset/", {"email": user.email}, headers={"Accept-Language": "fr"})
    send_queued_mail()
    assert "mot de passe" in str(mailoutbox[0].body)
