"""The rules for the models of packages. A team overrides one in the `anonymisation.py` of its own app."""

from bedplate.django.anonymization.registry import erase, rules
from bedplate.django.anonymization.rules import Email, Keep

# Sessions, second factors, codes sent by mail, and the log of the admin.
erase(
    "sessions.Session", "usersessions.UserSession", "mfa.Authenticator", "account.EmailConfirmation", "admin.LogEntry"
)
# Accounts at a sign-in provider, with their profiles.
erase("socialaccount.SocialAccount", "socialaccount.SocialApp", "socialaccount.SocialToken")

rules("account.EmailAddress", email=Email())
rules("auth.Group", name=Keep())
rules("auth.Permission", name=Keep(), codename=Keep())
rules("contenttypes.ContentType", app_label=Keep(), model=Keep())
