"""The names, folder and settings of this machine's proxy. Variables select another one, for tests."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.host import ROOT
from bedplate.host.commands import docker
from bedplate.host.configuration import env_file
from bedplate.host.programs import make_private_folder

FOLDER: Final = ROOT / "library/host/proxy_pass"
IGNORED_VARIABLES: Final = frozenset({"COMPOSE_FILE", "COMPOSE_PROFILES", "PROXY_HTTP_PORT", "PROXY_HTTPS_PORT"})


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The names of the proxy and of its network, and the folder of its settings and certificates."""

    project: str
    network: str
    folder: Path

    @classmethod
    def find(cls) -> "Proxy":
        """Return the proxy that the environment names; usually there is one per machine."""
        variables = os.environ
        configuration = variables.get("XDG_CONFIG_HOME") or Path(variables.get("HOME") or "/root", ".config")
        return cls(
            project=variables.get("PROXY_PROJECT") or "proxy-pass",
            network=variables.get("PROXY_NETWORK") or "proxy_pass",
            folder=Path(variables.get("PROXY_HOME") or Path(configuration, "proxy_pass")),
        )

    @property
    def settings_file(self) -> Path:
        """The file with its ports, and whether it has HTTPS. It exists while the proxy is installed."""
        return self.folder / "settings.env"

    @property
    def certificates(self) -> Path:
        """The folder that its container reads."""
        return self.folder / "certificates"

    @property
    def authority(self) -> Path:
        """The folder of its own authority."""
        return self.folder / "authority"

    @property
    def settings(self) -> dict[str, str]:
        """The variables in the settings file."""
        return env_file.read(self.settings_file)

    @property
    def has_https(self) -> bool:
        """True if it was installed with HTTPS."""
        return bool(self.settings.get("PROXY_HTTPS"))

    def write_settings(self, *, port: int, https: bool, https_port: int) -> None:
        """Write the settings into a private folder."""
        make_private_folder(self.folder)
        lines = (f"PROXY_HTTP_PORT={port}", f"PROXY_HTTPS={'yes' if https else ''}", f"PROXY_HTTPS_PORT={https_port}")
        self.settings_file.write_text("".join(f"{line}\n" for line in lines))

    def compose(self, *arguments: str) -> list[str]:
        """Return a command of Docker Compose for the proxy."""
        files = [FOLDER / "docker-compose.yml", *([FOLDER / "https.yml"] if self.has_https else [])]
        return docker.compose_elsewhere(self.project, self.settings_file, files, *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of these commands."""
        inherited = {name: value for name, value in os.environ.items() if name not in IGNORED_VARIABLES}
        own = {"PROXY_PROJECT": self.project, "PROXY_NETWORK": self.network, "PROXY_CERTIFICATES": self.certificates}
        return inherited | {name: str(value) for name, value in own.items()}
