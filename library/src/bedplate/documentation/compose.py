"""The services in Compose files. `extends` is followed, variables have their defaults."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

MAPPINGS: Final = ("depends_on", "networks")  # if they are lists, the items are keys
NAME: Final = re.compile(r"\w[\w.-]*")  # of a volume; a path begins with . / or ~
VARIABLE: Final = re.compile(r"\$\{\w+:?-([^${}]*)\}")


class Loader(yaml.SafeLoader):
    """YAML with Compose's tags: `!reset` removes a value; `!override` is read as its value."""


Loader.add_constructor("!reset", lambda _loader, _node: None)
Loader.add_multi_constructor("!override", lambda loader, _suffix, node: plain(loader, node))


def plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    """Return the value of a node without its tag."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]  # the third kind of node


class Mount(NamedTuple):
    """A named volume in a service."""

    volume: str
    read_only: bool


@dataclass(frozen=True)
class Service:
    """A service in the diagram; one without networks reaches no other."""

    name: str
    networks: Sequence[str]
    waits_for: Sequence[str]
    mounts: Sequence[Mount]
    ports: Sequence[str]


def read(file: Path) -> list[Service]:
    """Return the services of a Compose file, in its order."""
    return [described(name, definition(file, name)) for name in load(file)]


def load(file: Path) -> dict[str, dict[str, Any]]:
    """Return the definitions of a file's services."""
    with file.open() as stream:  # a stream, so that YAML's errors name the file
        services: dict[str, dict[str, Any]] = yaml.load(stream, Loader)["services"]  # noqa: S506 - a SafeLoader
    return services


def definition(file: Path, name: str) -> dict[str, Any]:
    """Return a service's definition, merged with the definitions that it extends."""
    own = load(file)[name]
    own = {key: mapping(value) if key in MAPPINGS and value else value for key, value in own.items()}
    if "extends" not in own:
        return {key: value for key, value in own.items() if value is not None}
    parent = own["extends"] if isinstance(own["extends"], Mapping) else {"service": own["extends"]}
    extended = definition(file.parent / parent["file"] if "file" in parent else file, parent["service"])
    both = extended | {key: merged(extended.get(key), value) for key, value in own.items()}
    return {key: value for key, value in both.items() if value is not None}


def mapping(value: Any) -> dict[str, Any]:
    """Return a list's items as keys; a mapping as it is."""
    return dict(value) if isinstance(value, Mapping) else dict.fromkeys(value)


def merged(extended: Any, own: Any) -> Any:
    """Return both values where Compose adds them up, else the service's own."""
    if isinstance(extended, list) and isinstance(own, list):
        return [*extended, *own]
    if isinstance(extended, dict) and isinstance(own, dict):
        return extended | own
    return own


def described(name: str, service: Mapping[str, Any]) -> Service:
    """Return the service of a definition."""
    mode = service.get("network_mode")
    networks = list(service.get("networks", {})) or ([] if mode == "none" else [mode or "default"])
    mounts = dict(map(mount, service.get("volumes", [])))
    named = [found for found in mounts.values() if NAME.fullmatch(found.volume)]
    ports = [port(value) for value in service.get("ports", [])]
    return Service(name, networks, list(service.get("depends_on", {})), named, ports)


def mount(value: Any) -> tuple[str, Mount]:
    """Return the path in the container, and the mount: a volume's name, a host folder, or an anonymous volume."""
    if isinstance(value, Mapping):
        return value["target"], Mount(value.get("source", ""), value.get("read_only", False))
    source, target, options, *_ = [*with_defaults(value).split(":"), "", ""]
    return (target, Mount(source, "ro" in options.split(","))) if target else (source, Mount("", read_only=False))


def port(value: Any) -> str:
    """Return the published port: `443`, or `127.0.0.1:8000` if it is bound to one address."""
    if isinstance(value, Mapping):
        address, published = value.get("host_ip", ""), str(value.get("published", ""))
    else:
        address, _, published = with_defaults(str(value)).rpartition(":")[0].rpartition(":")
    return published if address in {"", "0.0.0.0"} else f"{address}:{published}"  # noqa: S104 - compared, not bound


def with_defaults(text: str) -> str:
    """Return a text with the defaults of its variables."""
    return VARIABLE.sub(r"\1", text)
