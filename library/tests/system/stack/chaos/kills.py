"""Chaos tests: backups and restores that are killed on the way; a seed decides what is killed, and when."""

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stack.chaos.project import ChaosStack
from stack.chaos.state import Observation, State
from stack.signing import VARIABLES

STORES: Final = ("file:///data/backups", "gs://chaos")
COMMANDS: Final = ("back up", "restore", "undo", "verify", "prune")
VICTIMS: Final = ("tool", "tool and children", "postgres", "store", "verifier")
WITHOUT_EFFECT: Final = {
    ("prune", "postgres"),
    ("undo", "store"),
    *((command, "verifier") for command in COMMANDS if command != "verify"),
}
"""Combinations without effect: the command does not use the victim."""

# The restored backups come from another environment, so that nothing prunes them.
ELSEWHERE: Final = {"ENVIRONMENT": "dev"} | VARIABLES
KEEP_ONE: Final = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
LIMIT: Final = 300
VERIFY_EVERY: Final = 10
"""Every n-th kill is followed by a verification and by the tool's own list."""

TABLES: Final = """
    CREATE TABLE chaos_{number} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, at timestamptz, note text);
    INSERT INTO chaos_{number} (name, at, note)
        SELECT md5(n::text), now() - n * interval '1 hour', repeat(md5((n * 7)::text), 4)
        FROM generate_series(1, {rows}) AS n;
    CREATE INDEX ON chaos_{number} (name);
"""


class ViolationError(AssertionError):
    """Harm that no kill may cause."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """The process to kill, the command to kill it in, and the moment, as a share of the command's usual duration."""

    number: int
    store: str
    command: str
    victim: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a kill."""

    kill: Kill
    moment: float
    """Seconds."""
    hit: bool
    """Whether the command was still running."""
    status: int
    """Exit status of the command: 0, a reported failure, or -9."""
    took_effect: bool
    """Whether the live database was replaced."""


def plan(seed: int, *, stores: Sequence[str] = STORES) -> Iterator[Kill]:
    """Yield kills without end, all combinations in turn; the seed decides their order and moments."""
    dice = random.Random(seed)
    combinations = [
        (store, command, victim)
        for store in stores
        for command in COMMANDS
        for victim in VICTIMS
        if (command, victim) not in WITHOUT_EFFECT and not (victim == "store" and store.startswith("file:"))
    ]
    number = 0
    while True:
        for store, command, victim in dice.sample(combinations, len(combinations)):
            number += 1
            yield Kill(number=number, store=store, command=command, victim=victim, share=dice.random())


class Experiment:
    """The chaos stack, its expected contents, and the duration of each command."""

    def __init__(self, stack: ChaosStack, *, stores: Sequence[str] = STORES, rows: int = 4000) -> None:
        """Fill database and media, back both up in two states, and measure the duration of each command."""
        self.stack = stack
        self.seconds: dict[tuple[str, str], float] = {}
        self._backups: dict[str, dict[str, State]] = {store: {} for store in stores}
        self._changes = 0
        self._fill(rows)
        for _ in range(2):
            self._change()
            for store in stores:
                self._prepare(store)
        self.live, self.previous = self._observe(stores[0]).states()
        for store in stores:
            for command in ("back up", "back up", "prune", "verify", "restore", "undo"):
                self._tool(command, store)
                self.live, self.previous = self._observe(store).states()

    def run(self, kill: Kill) -> Outcome:
        """Return the result of a kill. Raise ViolationError if anything is not as it must be."""
        after = self._expected(kill)
        before = self.live
        moment = kill.share * self.seconds[kill.store, kill.command]
        hit, status, output = self._carry_out(kill, moment)
        self.stack.wait_until_ready()
        seen = self._observe(kill.store)
        self._require(seen.live.database in {before.database, after.database}, "the live database is neither", seen)
        self._require(not seen.damage, "a broken backup is listed", seen)
        self._require("Traceback" not in output, "the tool did not say what happened", output)
        took_effect = seen.live.database == after.database != before.database
        if took_effect:
            self.live, self.previous = after, before
        self._run_next(kill)
        return Outcome(kill=kill, moment=moment, hit=hit, status=status, took_effect=took_effect)

    def finish(self) -> None:
        """Prune both stores, and require that they then hold exactly what their backups need."""
        for store in self._backups:
            self._tool("prune", store)
            seen = self._observe(store)
            self._require(seen.is_tidy and not seen.unused, "something was left behind for good", seen)
            self._tool("verify", store)

    def _fill(self, rows: int) -> None:
        self.stack.run_checked(["python", "manage.py", "migrate", "--no-input"])
        self.stack.query("".join(TABLES.format(number=number, rows=rows) for number in range(4)))
        for number in range(20):
            self.stack.ask("add_media", name=f"{number % 3}/{number}.bin", size=50_000, seed=0)
        self.stack.ask("make_bucket", name="chaos")

    def _prepare(self, store: str) -> None:
        """Back up the live data, and remember what a restore makes of it: PostgreSQL rewrites some conditions."""
        url = self._tool("back up", store, ELSEWHERE).rpartition("\n")[2]
        self._tool("restore", store, url=url)
        self._backups[store][url] = self._observe(store).live

    def _change(self) -> None:
        """Change the live state: database and media together."""
        self._changes += 1
        # With a checkpoint: after a crash, the sequences of the last rows would skip some numbers.
        self.stack.query(f"INSERT INTO chaos_0 (name) VALUES ('change {self._changes}'); CHECKPOINT")
        self.stack.ask("add_media", name=f"change-{self._changes}.bin", size=50_000, seed=self._changes)

    def _expected(self, kill: Kill) -> State:
        """Return the live state after the command's work. Create what the command needs."""
        if kill.command in {"back up", "prune"}:
            self._change()
            if kill.command == "prune":
                self._tool("back up", kill.store)
            self.live = self._observe(kill.store).live
        if kill.command == "restore":
            return self._backups[kill.store][self._restored(kill.store)]
        return self.previous if kill.command == "undo" else self.live

    def _restored(self, store: str) -> str:
        """Return the URL of the first backup that differs from the live state."""
        return next(url for url, state in self._backups[store].items() if state != self.live)

    def _carry_out(self, kill: Kill, moment: float) -> tuple[bool, int, str]:
        """Return whether the command was still running, its exit status, and its output."""
        arguments = self._arguments(kill.command, kill.store)
        variables = self._variables(kill.command, kill.store)
        if kill.victim.startswith("tool"):
            whole = kill.victim != "tool"
            ended = self.stack.tool(*arguments, variables=variables, kill_after=moment, whole_group=whole)
            return ended.killed, ended.status, ended.output
        killing = threading.Timer(moment, self.stack.kill, [kill.victim])
        killing.start()
        ended = self.stack.tool(*arguments, variables=variables, limit=LIMIT)
        killing.join()
        self._require(not ended.killed, f"the tool still hung after {LIMIT} s", ended.output)
        return ended.seconds > moment, ended.status, ended.output

    def _run_next(self, kill: Kill) -> None:
        """Require that the next commands succeed, and leave nothing behind."""
        if kill.number % VERIFY_EVERY == 0:
            self._tool("restore", kill.store, url=(url := self._restored(kill.store)))
            self.live, self.previous = self._backups[kill.store][url], self.live
        self._tool("back up", kill.store)
        if kill.number % VERIFY_EVERY == 0:
            self._tool("verify", kill.store)
            listed = self._tool("list", kill.store)
            self._require('"damage": "' not in listed, "the tool lists a broken backup", listed)
        seen = self._observe(kill.store)
        self._require(seen.live == self.live, "database and media do not belong together", seen)
        self._require(seen.previous == [self.previous], "the previous database or its media changed", seen)
        self._require(not seen.damage, "a broken backup is listed", seen)
        self._require(seen.is_tidy, "something was left behind", seen)

    def _arguments(self, command: str, store: str, url: str = "") -> Sequence[str]:
        commands = {
            "back up": ["--backup"],
            "undo": ["--undo"],
            "verify": ["--verify", "latest"],
            "prune": ["--prune"],
            "list": ["--list", "--json"],
        }
        return commands[command] if command in commands else ["--restore", url or self._restored(store)]

    def _variables(self, command: str, store: str) -> dict[str, str]:
        return {"BACKUP_URL": store, **(KEEP_ONE if command == "prune" else {})}

    def _tool(self, command: str, store: str, variables: Mapping[str, str] | None = None, *, url: str = "") -> str:
        """Return the output of an undisturbed command, which must succeed. Its duration sets the moments of kills."""
        all_variables = self._variables(command, store) | dict(variables or {})
        ended = self.stack.tool(*self._arguments(command, store, url), variables=all_variables)
        self._require(ended.status == 0, f"an undisturbed command failed: {command}", ended.output)
        self.seconds[store, command] = ended.seconds
        return ended.output.strip()

    def _observe(self, store: str) -> Observation:
        return Observation.from_answer(self.stack.ask("observe", url=store))

    def _require(self, condition: bool, what: str, seen: object) -> None:
        if not condition:
            raise ViolationError(f"{what}.\nExpected: live {self.live}, previous {self.previous}\nSeen: {seen}")
