"""The diagram of the services, for Mermaid, and tables for what does not fit into it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Final

from bedplate.documentation.compose import Service

ISOLATED: Final = "no network"


def diagram(services: Sequence[Service]) -> str:
    """Return a diagram: each service in its network, the services that it waits for, and the published ports."""
    return "\n".join(["```mermaid", "flowchart TB", *chain(boxes(services), arrows(services)), "```"])


def boxes(services: Sequence[Service]) -> Iterator[str]:
    """Yield each network with its services; a service is in the first of its networks."""
    for network in dict.fromkeys(first_network(service) for service in services):
        title = network if network == ISOLATED else f"network {network}"
        yield f'  subgraph {box_of(network)}["{title}"]'
        yield from (f"    {service.name}" for service in services if first_network(service) == network)
        yield "  end"


def arrows(services: Sequence[Service]) -> Iterator[str]:
    """Yield the lines between boxes."""
    for service in services:
        if service.ports:
            yield f'  outside(("outside")) -- "{", ".join(service.ports)}" --> {service.name}'
        yield from (f"  {service.name} --> {other}" for other in service.waits_for)
        yield from (f'  {service.name} --- {box_of(network)}["network {network}"]' for network in service.networks[1:])
    isolated = [service for service in services if not service.networks]
    for service, other in product(isolated, services):
        for mount in service.mounts:
            if other != service and mount.volume in {another.volume for another in other.mounts}:
                yield f'  {other.name} -. "volume {mount.volume}" .- {service.name}'


def first_network(service: Service) -> str:
    """Return the network in whose box a service is."""
    return service.networks[0] if service.networks else ISOLATED


def box_of(network: str) -> str:
    """Return the name of a network's box. No service has that name."""
    return f"network_{network}".replace("-", "_").replace(" ", "_")


def volumes(services: Sequence[Service]) -> str:
    """Return a table of the volumes: which services write into each, and which only read it."""
    mounts = [(mount, service.name) for service in services for mount in service.mounts]
    rows = []
    for volume in dict.fromkeys(mount.volume for mount, _ in mounts):
        users = [
            ", ".join(name for mount, name in mounts if mount == (volume, read_only)) for read_only in (False, True)
        ]
        rows.append([f"`{volume}`", *(names or "none" for names in users)])
    return table(["volume of PROD", "written by", "only read by"], rows)


def environments(services: Mapping[str, Sequence[Service]]) -> str:
    """Return a table of the services in each environment, with the ports that they publish there."""
    names = dict.fromkeys(service.name for found in services.values() for service in found)
    ports = {(place, service.name): ", ".join(service.ports) for place in services for service in services[place]}
    rows = [[f"`{name}`", *(cell(ports.get((place, name))) for place in services)] for name in names]
    return table(["service", *services], rows)


def cell(ports: str | None) -> str:
    """Return the cell for a service in an environment."""
    return "no" if ports is None else f"yes, port {ports}" if ports else "yes"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
