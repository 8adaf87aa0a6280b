"""Rights in Valkey: none without a password, and for the application's users only those that it needs."""

import itertools
import json
from typing import Final
from urllib.parse import urlsplit

import pytest
from bedplate.testing.compose import Stack
from bedplate.testing.server import Server

pytestmark = pytest.mark.stack

SERVERS: Final = ("valkey", "cache")
# Commands that a connection may send before it has logged in.
ALWAYS: Final = {"auth", "hello", "quit", "reset"}
# Send each command that the server knows, with as many arguments as it needs, over a separate connection, after
# `login`. Print those that are not refused for lack of a right; of a command with subcommands, send an unknown one.
# DEBUG is refused for everyone, and EXEC gives the reason last.
PROBE: Final = """
import json, socket, sys
from redis import Redis

host, url, login = sys.argv[1:4]


def pack(words):
    return f"*{len(words)}\\r\\n" + "".join(f"${len(word)}\\r\\n{word}\\r\\n" for word in words)


def answer(words):
    with socket.create_connection((host, 6379), timeout=5) as connection:
        stream = connection.makefile("rwb")
        if login:
            stream.write(pack(["AUTH", *login.split()]).encode())
            stream.flush()
            assert stream.readline() == b"+OK\\r\\n"
        stream.write(pack(words).encode())
        stream.flush()
        return stream.readline().decode()


commands = {name: max(abs(details["arity"]) - 1, 0) for name, details in Redis.from_url(url).command().items()}
refused = ("NOPERM" if login else "NOAUTH", "ERR unknown subcommand", "DEBUG command not allowed")
answers = {name: answer([name, *["1"] * count]) for name, count in commands.items()}
answers |= {f"{name} {sub}": answer([name, sub]) for name, sub in zip(sys.argv[4::2], sys.argv[5::2])}
print(json.dumps({name: said for name, said in answers.items() if not any(reason in said for reason in refused)}))
"""
# Print the commands that were not refused for lack of a right.
ATTEMPTS: Final = """
import sys
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

for command in sys.argv[2:]:
    try:
        print(command, Redis.from_url(sys.argv[1]).execute_command(*command.split(" ")))
    except NoPermissionError:
        pass
    except RedisError as error:
        print(command, error)
"""
# Print which of these users and passwords can log in.
LOGINS: Final = """
import json, sys
from redis import Redis
from redis.exceptions import AuthenticationError


def gets_in(user, password):
    try:
        return Redis(sys.argv[1], username=user, password=password).ping()
    except AuthenticationError:
        return False


print(json.dumps([gets_in(*login) for login in json.loads(sys.argv[2])]))
"""
CLEAR: Final = """
from django.core.cache import cache
cache.set("kept", 1)
print(cache.get("kept"))
cache.clear()
print(cache.get("kept"))
"""
# Send the beginning of a value that is larger than the memory of any server, as the user without a password.
FLOOD: Final = """
import socket, sys

with socket.create_connection((sys.argv[1], 6379), timeout=60) as connection:
    connection.sendall(b"*3\\r\\n$4\\r\\nAUTH\\r\\n$6\\r\\nhealth\\r\\n$1\\r\\nx\\r\\n*2\\r\\n$4\\r\\nPING\\r\\n$536870912\\r\\n")
    try:
        for _ in range(500):
            connection.sendall(bytes(1 << 20))
    except OSError:
        print("sent away")
"""
SUBCOMMANDS: Final = (
    *("acl", "list", "acl", "whoami", "client", "list", "config", "rewrite", "config", "resetstat", "debug", "reload"),
    *("script", "flush", "module", "list", "memory", "stats", "slowlog", "get", "cluster", "reset", "latency", "reset"),
)
# Each with possible arguments: a refusal is for lack of the right.
FORBIDDEN: Final = {
    "valkey": (
        *("acl setuser queue +@all", "acl list", "bgrewriteaof", "client kill type normal", "client list"),
        *("config get *", "config set maxmemory 1", "eval return{} 0", "failover abort", "flushall"),
        *("flushdb", "function list", "info", "keys *", "migrate valkey 6379 key 0 1", "module list", "monitor"),
        *(
            "replicaof no one",
            "restore key 0 value",
            "save",
            "script flush",
            "shutdown nosave",
            "slowlog get",
            "sort key",
        ),
        *("swapdb 0 1", "sync"),
    ),
    "cache": (
        *("acl setuser cache +@all", "client list", "config get *", "eval return{} 0", "flushall"),
        *("evalsha none 0", "info", "keys *", "module list", "publish channel text", "subscribe channel"),
        *("replicaof no one", "restore key 0 value", "script load return", "shutdown nosave"),
    ),
}


def allowed(stack: Stack, service: str, *, login: str = "") -> dict[str, str]:
    """Return the commands that `web` may send to a server, with the answers."""
    url = stack.valkey_url(service)
    answers: dict[str, str] = json.loads(stack.exec("web", "python", "-c", PROBE, service, url, login, *SUBCOMMANDS))
    return answers


@pytest.mark.parametrize("service", SERVERS)
def test_without_a_password_nothing_is_answered(stack: Stack, service: str) -> None:
    """From another container, all commands but those to log in are refused."""
    assert allowed(stack, service).keys() <= ALWAYS


@pytest.mark.parametrize("service", SERVERS)
def test_health_check_may_do_nothing_else(stack: Stack, service: str) -> None:
    """Its user needs no password, and can do no harm."""
    assert allowed(stack, service, login="health any").keys() - ALWAYS == {"ping"}


@pytest.mark.parametrize("service", SERVERS)
def test_application_may_not_command_the_server(stack: Stack, service: str) -> None:
    """A client with its password can neither configure the server, nor run code in it, nor copy it."""
    url = stack.valkey_url(service)
    assert stack.exec("web", "python", "-c", ATTEMPTS, url, *FORBIDDEN[service]).splitlines() == []


@pytest.mark.parametrize("service", SERVERS)
def test_user_without_password_cannot_fill_the_memory(stack: Stack, service: str) -> None:
    """The client is disconnected, and the server continues."""
    before = stack.containers()[service]["State"]["StartedAt"]
    assert stack.exec("web", "python", "-c", FLOOD, service).strip() == "sent away"
    assert stack.valkey(service, "ping").strip() == "PONG"
    assert stack.containers()[service]["State"]["StartedAt"] == before


def test_nothing_of_the_application_is_refused(stack: Stack) -> None:
    """The worker, which checks the queue's bindings once a second, Flower and pages have all rights that they need."""
    said = stack.compose("logs", "--no-log-prefix", "celery", "flower", "web", "cron")
    assert "NoPermission" not in said
    assert "no permissions" not in said


def test_cache_is_emptied(stack: Stack) -> None:
    """`clear()` is the only command of that kind that the application needs."""
    assert stack.manage("shell", "--no-imports", "--command", CLEAR).split() == ["1", "None"]


@pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
def test_password_of_one_does_not_open_the_other(server: Server) -> None:
    """The cache's password does not open the queue, nor the queue's the cache; each opens its own."""
    passwords = {"queue": server.valkey_url("valkey"), "cache": server.valkey_url("cache")}
    logins = [(user, urlsplit(url).password or "") for user, url in itertools.product(passwords, passwords.values())]
    opened = {
        service: json.loads(server.exec("web", "python", "-c", LOGINS, service, json.dumps(logins)))
        for service in SERVERS
    }
    assert opened == {"valkey": [True, False, False, False], "cache": [False, False, False, True]}
