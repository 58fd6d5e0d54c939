"""Reads and writes the roster as a table that people keep: CSV with headings in their own words (pure)."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TypeVar

from hotline.acd.model import Agent, Shift
from hotline.acd.policy import AcdPolicy
from hotline.errors import ConfigError
from hotline.store.roster import Profile

BYTES_MAX = 4 * 1024 * 1024
"""Largest file that is read."""
COLUMNS = ("name", "display", "skills", "phone", "phone_only", "licence", "licence_until", "shifts", "team")
_CLOCK = r"(\d{1,2})[:\uff1a](\d{2})"
T = TypeVar("T")
_PHONE = re.compile(r"[A-Za-z0-9._+-]{1,64}")


class Rows:
    """What a roster's cells mean, by the words of `acd.yaml`."""

    def __init__(self, policy: AcdPolicy) -> None:
        self._policy = policy
        self._words = policy.roster
        self._skills = {label: code for code, label in policy.skills.items()}
        self._skills |= {code: code for code in policy.skills}

    def profile(self, cells: Mapping[str, str]) -> tuple[Profile | None, list[str]]:
        """The profile in a row (by column), or every problem of it."""
        problems: list[str] = []

        def read(column: str, reader: Callable[[str], T], otherwise: T) -> T:
            try:
                return reader(cells.get(column, "").strip())
            except ValueError as error:
                problems.append(f"{self.heading(column)}: {error}")
                return otherwise

        name = read("name", _name, "")
        agent = Agent(
            name=name,
            display=read("display", _display, "") or name,
            skills=read("skills", self.skills, frozenset()),
            phone=read("phone", _phone, ""),
            licence=read("licence", _display, ""),
            licence_until=read("licence_until", _day, None),
            shifts=read("shifts", self.shifts, ()),
            team=read("team", _display, ""),
        )
        phone_only = read("phone_only", self._yes, False)
        if agent.licence and not cells.get("licence_until", "").strip():
            problems.append(f"{self.heading('licence_until')}: a licence needs its last day")
        if phone_only and not agent.phone:
            problems.append(f"{self.heading('phone_only')}: there is no desk phone")
        return (None if problems else Profile(agent, phone_only)), problems

    def heading(self, column: str) -> str:
        """What a column is called."""
        return (self._words.columns.get(column) or (column,))[0]

    def answer(self, *, yes: bool) -> str:
        """Yes or no as a roster writes it."""
        return (self._words.affirmed if yes else self._words.denied)[0]

    def columns(self, heads: Iterable[str]) -> dict[int, str]:
        """Which column stands where. Raises `ValueError` for headings nobody knows or that stand twice."""
        known = {word.casefold(): name for name, words in self._words.columns.items() for word in words}
        known |= {name: name for name in COLUMNS}
        found: dict[int, str] = {}
        for place, head in enumerate(heads):
            if not head.strip():
                continue
            name = known.get(head.strip().casefold())
            if name is None or name not in COLUMNS:
                raise ValueError(f"no column is called {head.strip()!r}")
            if name in found.values():
                raise ValueError(f"{head.strip()!r}: the column is there twice")
            found[place] = name
        if "name" not in found.values():
            raise ValueError(f"the column {self.heading('name')!r} is missing")
        return found

    def skills(self, text: str) -> frozenset[str]:
        """Codes of the skills, named by code or label. Raises `ValueError` for one that is not known."""
        wanted = [part.strip() for part in _split(text, self._words.between_skills)]
        unknown = [part for part in wanted if part and part not in self._skills]
        if unknown:
            raise ValueError(f"no such skill: {', '.join(unknown)}")
        return frozenset(self._skills[part] for part in wanted if part)

    def shifts(self, text: str) -> tuple[Shift, ...]:
        """Duty hours such as `mon-fri 09:00-17:30; sat 22:00-06:00`. Raises `ValueError`."""
        parts = [part.strip() for part in _split(text, self._words.between_shifts)]
        return tuple(self._shift(part) for part in parts if part)

    def _shift(self, text: str) -> Shift:
        until = "|".join(re.escape(word) for word in self._words.until)
        found = re.fullmatch(rf"(.*?)\s*{_CLOCK}\s*(?:{until})\s*{_CLOCK}", text)
        if found is None:
            raise ValueError(f"not duty hours: {text!r}")
        days = self._days(found[1].strip())
        begins, ends = _minutes(found[2], found[3]), _minutes(found[4], found[5])
        return Shift(days, begins % (24 * 60), ends)

    def _days(self, text: str) -> frozenset[int]:
        words = self._words
        if not text or text.casefold() in words.every_day:
            return frozenset(range(7))
        days: set[int] = set()
        for part in _split(text, words.between_days):
            ends = [self._day(each.strip()) for each in _split(part, words.until)]
            if len(ends) > 2:
                raise ValueError(f"not days of the week: {text!r}")
            last = ends[-1] if ends[-1] >= ends[0] else ends[-1] + 7
            days |= {day % 7 for day in range(ends[0], last + 1)}
        return frozenset(days)

    def _day(self, text: str) -> int:
        for number, names in enumerate(self._words.days):
            if text.casefold() in names:
                return number
        raise ValueError(f"not a day of the week: {text!r}")

    def _yes(self, text: str) -> bool:
        said = text.casefold()
        if said not in (*self._words.affirmed, *self._words.denied):
            raise ValueError(f"neither yes nor no: {text!r}")
        return said in self._words.affirmed

    def written(self, profile: Profile) -> dict[str, str]:
        """The row of a profile, by column."""
        agent, words = profile.agent, self._words
        labels = [self._policy.skills.get(skill, skill) for skill in sorted(agent.skills)]
        return {
            "name": agent.name,
            "display": agent.display,
            "skills": words.between_skills[0].join(labels),
            "phone": agent.phone,
            "phone_only": self.answer(yes=profile.phone_only),
            "licence": agent.licence,
            "licence_until": agent.licence_until.isoformat() if agent.licence_until else "",
            "shifts": words.between_shifts[0].join(self._written(shift) for shift in agent.shifts),
            "team": agent.team,
        }

    def _written(self, shift: Shift) -> str:
        words = self._words
        clock = words.until[0].join(f"{each // 60:02}:{each % 60:02}" for each in (shift.begins, shift.ends))
        if len(shift.weekdays) == 7 or not words.days:
            return f"{words.every_day[0] if words.every_day else ''} {clock}".strip()
        runs: list[list[int]] = []
        for day in sorted(shift.weekdays):
            if runs and day == runs[-1][-1] + 1:
                runs[-1].append(day)
            else:
                runs.append([day])
        return f"{words.between_days[0].join(self._run(run) for run in runs)} {clock}"

    def _run(self, days: list[int]) -> str:
        """Days in a row; three and more by the first and the last."""
        words = self._words
        joint = words.until[0] if len(days) > 2 else words.between_days[0]
        return joint.join(words.days[day][0] for day in (days if len(days) < 3 else (days[0], days[-1])))


def read_roster(data: bytes, policy: AcdPolicy, name: str) -> list[Profile]:
    """The profiles of a CSV file: UTF-8 (with or without mark) or GB 18030, as office programs write it.

    Raises `ConfigError` with every problem of every line, as `file:line: column: what is wrong`.
    """
    rows = list(csv.reader(io.StringIO(_decode(data, name), newline="")))
    meaning = Rows(policy)
    if not rows:
        raise ConfigError([f"{name}:1: the file is empty"])
    try:
        columns = meaning.columns(rows[0])
    except ValueError as error:
        raise ConfigError([f"{name}:1: {error}"]) from error
    profiles: list[Profile] = []
    problems: list[str] = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = {column: row[place] for place, column in columns.items() if place < len(row)}
        profile, wrong = meaning.profile(cells)
        problems += [f"{name}:{number}: {each}" for each in wrong]
        if profile is not None:
            profiles.append(profile)
            problems += [f"{name}:{number}: {each}" for each in _twice(profile, profiles[:-1])]
    if problems:
        raise ConfigError(problems)
    return profiles


def write_roster(profiles: Iterable[Profile], policy: AcdPolicy) -> str:
    """The CSV text, headings first; `read_roster` reads it back."""
    meaning = Rows(policy)
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow([meaning.heading(column) for column in COLUMNS])
    for profile in profiles:
        row = meaning.written(profile)
        table.writerow([row[column] for column in COLUMNS])
    return out.getvalue()


def _twice(profile: Profile, before: list[Profile]) -> Iterator[str]:
    for other in before:
        if other.agent.name == profile.agent.name:
            yield f"{profile.agent.name!r} is there twice"
        elif profile.agent.phone and other.agent.phone == profile.agent.phone:
            yield f"the desk phone {profile.agent.phone!r} is {other.agent.name!r}'s"


def _decode(data: bytes, name: str) -> str:
    if len(data) > BYTES_MAX:
        raise ConfigError([f"{name}: larger than {BYTES_MAX // 1024 // 1024} MiB"])
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise ConfigError([f"{name}: neither UTF-8 nor GB 18030 text"])


def _split(text: str, marks: Iterable[str]) -> list[str]:
    return re.split("|".join(re.escape(mark) for mark in marks), text)


def _name(text: str) -> str:
    if not text or len(text) > 64 or not text.isprintable():
        raise ValueError("a user's name has 1 to 64 printable characters")
    return text


def _display(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise ValueError("at most 64 printable characters")
    return text


def _phone(text: str) -> str:
    if text and not _PHONE.fullmatch(text):
        raise ValueError("a desk phone is named by the user it registers as")
    return text


def _day(text: str) -> date | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{4})\D{1,2}(\d{1,2})\D{1,2}(\d{1,2})\D?", text)
    if found is None:
        raise ValueError(f"not a day: {text!r}")
    return date(int(found[1]), int(found[2]), int(found[3]))


def _minutes(hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > 24 * 60:
        raise ValueError(f"not a time of day: {hours}:{minutes}")
    return total
