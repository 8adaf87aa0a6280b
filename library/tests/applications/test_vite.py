from bedplate.django.vite import SameOriginClient
from django_vite.core.asset_loader import DjangoViteConfig


def test_the_urls_of_vites_server_have_no_host() -> None:
    client = SameOriginClient(DjangoViteConfig(dev_mode=True, static_url_prefix="dist"))
    assert client.get_dev_server_url("src/main.tsx") == "/static/dist/src/main.tsx"
    assert client.get_dev_server_url("@vite/client") == "/static/dist/@vite/client"
