"""The administrative places of the province, and which lies in which."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROVINCE = "510000"
PLACES_FILE = "places.tsv"
_COLUMNS = ("kind", "code", "name")
_LEVELS = ("prefecture", "county")
_CODE = re.compile(r"[1-9][0-9]{5}")


@dataclass(frozen=True, slots=True)
class Place:
    """A place with a six-digit code (GB/T 2260)."""

    code: str
    level: str
    """province, prefecture or county."""
    name: str


class Places:
    """Places by code. A code that is not known stands for the nearest known place above it."""

    def __init__(self, places: Iterable[Place], province: str) -> None:
        self._province = Place(PROVINCE, "province", province)
        self._places = {place.code: place for place in places} | {PROVINCE: self._province}

    @classmethod
    def load(cls, flows: Path, province: str, problems: list[str]) -> "Places":
        """Read `places.tsv`: kind, code, name, …; kinds other than prefecture and county are passed over.

        Problems are added to `problems`; `province` is the province's name.
        """
        try:
            lines = (flows / PLACES_FILE).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{PLACES_FILE}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            return cls((), province)
        places: list[Place] = []
        for number, line in enumerate(lines, 1):
            cells = line.split("\t")
            if line.startswith("#") or cells[0] not in _LEVELS:
                continue
            if len(cells) < len(_COLUMNS) or not cells[2].strip():
                problems.append(f"{PLACES_FILE}:{number}: needs {', '.join(_COLUMNS)}")
            elif not _CODE.fullmatch(cells[1]):
                problems.append(f"{PLACES_FILE}:{number}: a code has six digits")
            else:
                places.append(Place(cells[1], cells[0], cells[2].strip()))
        codes = {place.code for place in places}
        if len(codes) < len(places):
            problems.append(f"{PLACES_FILE}: a code stands there twice")
        problems += [
            f"{PLACES_FILE}: {place.code} lies in no known prefecture"
            for place in places
            if place.level == "county" and _prefecture_code(place.code) not in codes
        ]
        return cls(places, province)

    def __iter__(self) -> Iterator[Place]:
        return iter(sorted(self._places.values(), key=lambda place: place.code))

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, code: object) -> bool:
        return code in self._places

    def nearest(self, code: str) -> Place:
        """The place of that code, else its prefecture, else the province."""
        for candidate in (code, _prefecture_code(code)):
            if candidate in self._places:
                return self._places[candidate]
        return self._province

    def above(self, place: Place) -> Place:
        """The prefecture of a county, the province of anything else."""
        return self.nearest(_prefecture_code(place.code) if place.level == "county" else PROVINCE)

    def full_name(self, place: Place) -> str:
        """The name as units use it: a district's with its city's in front, as cities share names."""
        if place.level != "county" or not self._is_urban_district(place):
            return place.name
        return self.above(place).name + place.name

    @staticmethod
    def _is_urban_district(place: Place) -> bool:
        # GB/T 2260: third and fourth digit 01-20 and 51-70 are prefecture-level cities, 21-50 autonomous
        # prefectures; within a city, 01-20 are its urban districts, 21-80 its counties, 81-99 cities which
        # it governs for the province.
        return not 21 <= int(place.code[2:4]) <= 50 and 1 <= int(place.code[4:]) <= 20


def _prefecture_code(code: str) -> str:
    return code[:4] + "00"
