from bedplate.testing.mail import send_queued_mail
from django.core.mail import EmailMessage
from django.test import Client

from users.models import User


def test_the_admin_uses_the_sites_login(client: Client, staff: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=")


def test_a_user_who_is_not_staff_is_refused(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get("/admin/", follow=True).status_code == 403


def test_users_are_found_by_address_and_by_name(client: Client, staff: User, user: User) -> None:
    User.objects.filter(pk=user.pk).update(name="Countess Lovelace")
    client.force_login(staff)
    for words in ("ADA@", "lovelace"):
        page = client.get("/admin/users/user/", {"q": words}).content.decode()
        assert "ada@example.org" in page
        assert "1 result" in page


def test_a_user_is_added_by_address_and_invited(client: Client, staff: User, mailoutbox: list[EmailMessage]) -> None:
    client.force_login(staff)
    form = {"email": "New@Example.org", "name": "New", "language": "en"}
    page = client.post("/admin/users/user/add/", form, follow=True).content.decode()
    assert "An invitation is sent to new@example.org." in page
    assert not User.objects.get(email="new@example.org").has_usable_password()
    send_queued_mail()
    [mail] = mailoutbox
    assert mail.to == ["new@example.org"]


def test_a_user_is_changed(client: Client, staff: User, user: User) -> None:
    client.force_login(staff)
    address = f"/admin/users/user/{user.pk}/change/"
    assert client.get(address).status_code == 200
    client.post(address, {"email": "countess@example.org", "name": "Ada", "is_active": "on"})
    user.refresh_from_db()
    assert (user.email, user.name) == ("countess@example.org", "Ada")
