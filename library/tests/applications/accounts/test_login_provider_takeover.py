"""Sign-in with a provider is no way into the account of another person, or for another person into one's own."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from users.models import User

from applications.accounts.conftest import browser
from applications.accounts.oidc_server import Provider, signed_in, visit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


def test_who_added_the_address_of_another_person_does_not_get_that_person(
    provider: Provider, verified: User, configure: Callable[..., None]
) -> None:
    """Otherwise the victim works in the attacker's account, which is linked to the victim's at the provider."""
    configure(allow_signup=True)
    EmailAddress.objects.create(user=verified, email="victim@example.org", verified=False)
    provider.claims |= {"sub": "victim", "email": "Victim@example.org"}
    visitor = browser()
    visit(provider, visitor)
    assert signed_in(visitor) != verified
    assert not SocialAccount.objects.filter(user=verified).exists()
    verified.refresh_from_db()
    assert verified.has_usable_password()


def test_an_invited_person_is_signed_in_also_if_another_user_has_added_the_address(
    provider: Provider, verified: User
) -> None:
    EmailAddress.objects.create(user=verified, email="victim@example.org", verified=False)
    invited = User.objects.create_user("victim@example.org")
    EmailAddress.objects.create(user=invited, email=invited.email, verified=False, primary=True)
    provider.claims |= {"sub": "victim", "email": invited.email}
    visitor = browser()
    visit(provider, visitor)
    assert SocialAccount.objects.get().user == invited
