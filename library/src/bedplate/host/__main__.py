"""`./bedplate`: find the command, and run it."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final

from bedplate.host import ROOT
from bedplate.host.install.certificate import has_certificates

MODULES: Final = {
    "install": "bedplate.host.cli.install",
    "embedded": "bedplate.host.cli.embedded",
    "google_storage": "bedplate.host.cli.google_storage",
    "deploy": "bedplate.host.cli.deploy",
    "rotate-secret": "bedplate.host.cli.rotate_secret",
    "proxy": "bedplate.host.cli.proxy",
    "certificates": "bedplate.host.cli.certificates",
    "add-app": "bedplate.host.cli.add_app",
    "archive": "bedplate.host.cli.archive",
    "update": "bedplate.host.cli.update",
    "new": "new_project.cli",
    "test": "bedplate.host.cli.tests",
}
HELP: Final = {
    "add-app": "add an app with a model, pages and tests",
    "deploy": "replace the release that serves by the next one, on a server",
    "rotate-secret": "replace a secret, on a server",
    "proxy": "serve the projects of this machine under their names: http://<project>.localhost",
    "certificates": "renew the certificate of a server, or install one of your own",
    "archive": "pack this project into a zip, to hand it over",
    "update": "merge a newer base project into this project",
    "new": "create a project from this clone",
}
NEEDS: Final = {
    "proxy": "nginx/templates/local/proxy_pass.conf.template",
    "archive": "google_storage.sh",
    "new": "template",
}
USAGE: Final = """\
Usage: ./bedplate COMMAND [OPTION…]

{commands}

./bedplate COMMAND --help prints the options of a command.
Other scripts: ./install_docker.sh, ./install_embedded.sh, ./google_storage.sh, ./run_tests.sh
"""


def usage(commands: Mapping[str, str]) -> str:
    """Return the usage text with the list of commands."""
    lines = [f"  {name:<14} {text}" for name, text in commands.items()]
    return USAGE.format(commands="\n".join(lines))


def available() -> dict[str, str]:
    """Return the commands of this project: parts may be removed, and only the base project creates projects."""
    found = {name: text for name, text in HELP.items() if (ROOT / NEEDS.get(name, "library")).exists()}
    if not has_certificates():
        del found["certificates"]
    return found


def open_standard_streams() -> None:
    """Open the streams that the caller has closed; escape letters that the locale lacks."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
        elif name != "stdin":
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str]) -> int:
    """Run the command named by the first argument; return its exit status."""
    open_standard_streams()
    commands = available()
    name = arguments[0] if arguments else ""
    if name in ("--help", "-h", "help"):
        sys.stdout.write(usage(commands))
        return 0
    if name not in MODULES or (name in HELP and name not in commands):
        problem = f"There is no command '{name}'." if name else "Give a command."
        sys.stderr.write(f"{problem}\n\n{usage(commands)}")
        return 2
    try:
        run: Callable[[Sequence[str]], int] = import_module(MODULES[name]).main
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted, nothing was changed.\n")
        return 130
    return run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
