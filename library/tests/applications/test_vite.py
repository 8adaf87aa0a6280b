from bedplate.django.vite import SameOriginClient
from django_vite.core.asset_loader import DjangoViteConfig


def test_the_addresses_of_vite_s_server_are_on_the_site_itself() -> None:
    client = SameOriginClient(DjangoViteConfig(dev_mode=True, static_url_prefix="dist"))
    assert client.get_dev_server_url("src/main.tsx") == "/static/dist/src/main.tsx"
    assert client.get_dev_server_url("@vite/client") == "/static/dist/@vite/client"
