"""What `hotline agents` does: the roster shown, changed and imported, the log exported."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import IO

from hotline.acd.policy import read_acd_policy
from hotline.acd.roster_file import COLUMNS, Rows, read_roster, write_roster
from hotline.call.line import utc_now
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.stats.agent_log import write_log
from hotline.store.acd_log import AcdLogStore
from hotline.store.audit import TERMINAL, AuditStore
from hotline.store.roster import Profile, RosterStore
from hotline.store.views import local_midnight
from hotline.wiring import open_database


class Roster:
    """The roster of an installation, with the words of its `acd.yaml`. Changes are on record first."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConfigError` or `StoreError`."""
        self._policy = read_acd_policy(settings.flows)
        self._words = Rows(self._policy)
        engine = open_database(settings)
        self.store = RosterStore(engine)
        self._audit = AuditStore(engine)

    def rows(self, profiles: Sequence[Profile]) -> list[dict[str, str]]:
        """A row an agent, by column."""
        return [self._words.written(profile) for profile in profiles]

    def csv(self, profiles: Sequence[Profile]) -> str:
        """The file that `take` takes."""
        return write_roster(profiles, self._policy)

    def table(self, profiles: Sequence[Profile]) -> Iterator[str]:
        """Lines for a person."""
        rows = [{name: self._words.heading(name) for name in COLUMNS}, *self.rows(profiles)]
        for row in rows:
            yield "\t".join(row[name] or "-" for name in COLUMNS)

    def take(self, data: bytes, name: str, *, instead: bool) -> int:
        """Write a roster file; how many agents. Raises `ConfigError`, `RosterRefused`."""
        profiles = read_roster(data, self._policy, name)
        detail = f"{len(profiles)} agents{', instead of all others' if instead else ''}"
        self._audit.record(TERMINAL, "roster.import", name, utc_now(), detail)
        self.store.save(profiles, utc_now(), instead=instead)
        return len(profiles)

    def change(self, name: str, changes: Mapping[str, str], phone_only: bool | None) -> None:
        """Change columns of an agent, or add one. Raises `ConfigError` naming each wrong column."""
        held = self.store.get(name)
        row = self._words.written(held) if held is not None else {"name": name}
        row |= changes
        if "licence" in changes and not changes["licence"]:
            row["licence_until"] = ""
        if phone_only is not None:
            row["phone_only"] = self._words.answer(yes=phone_only)
        profile, problems = self._words.profile(row)
        if profile is None:
            raise ConfigError(problems)
        self._audit.record(TERMINAL, "roster.set", name, utc_now())
        self.store.save([profile], utc_now())

    def remove(self, name: str) -> bool:
        """Take an agent off the roster; False when there is none of that name."""
        self._audit.record(TERMINAL, "roster.remove", name, utc_now())
        return self.store.remove(name)


def export_log(settings: Settings, target: IO[bytes], fmt: str, days: tuple[date, date]) -> int:
    """Write the log from the first day through the last (Asia/Shanghai); how many lines.

    Raises `ConfigError` for an unknown format, `StoreError`.
    """
    store = AcdLogStore(open_database(settings))
    start, end = local_midnight(days[0]), local_midnight(days[1] + timedelta(days=1))
    return write_log(store.iter_between(start, end), target, fmt)
