"""The administrative places of the province, and which lies in which."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROVINCE = "510000"
PLACES_FILE = "places.tsv"
_COLUMNS = ("code", "level", "name", "city")
_CODE = re.compile(r"[1-9][0-9]{5}")
_LEVELS = ("province", "city", "county")


@dataclass(frozen=True, slots=True)
class Place:
    """A place with a six-digit code (GB/T 2260)."""

    code: str
    level: str
    """province, city (prefecture) or county."""
    name: str


class Places:
    """Places by code. A code that is not known stands for the nearest known place above it."""

    def __init__(self, places: dict[str, Place]) -> None:
        self._places = places

    @classmethod
    def load(cls, flows: Path, problems: list[str]) -> "Places":
        """Read `places.tsv` (columns code, level, name, city, …; other levels are passed over)."""
        places: dict[str, Place] = {}
        try:
            lines = (flows / PLACES_FILE).read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            return cls({PROVINCE: Place(PROVINCE, "province", "")})
        for number, line in enumerate(lines, 1):
            cells = line.split("\t")
            if not line.strip() or line.startswith("#") or cells[0] == _COLUMNS[0]:
                continue
            if len(cells) < len(_COLUMNS) or not cells[2].strip():
                problems.append(f"{PLACES_FILE}:{number}: needs {', '.join(_COLUMNS)}")
            elif cells[1] not in _LEVELS:
                continue
            elif not _CODE.fullmatch(cells[0]):
                problems.append(f"{PLACES_FILE}:{number}: a code has six digits")
            else:
                places[cells[0]] = Place(cells[0], cells[1], cells[2].strip())
        problems += [
            f"{PLACES_FILE}: {place.code} lies in no known prefecture"
            for place in places.values()
            if place.level == "county" and _city_code(place.code) not in places
        ]
        return cls(places)

    def __iter__(self) -> Iterator[Place]:
        return iter(sorted(self._places.values(), key=lambda place: place.code))

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, code: object) -> bool:
        return code in self._places

    def nearest(self, code: str) -> Place:
        """The place of that code, else its prefecture, else the province."""
        for candidate in (code, _city_code(code)):
            if candidate in self._places:
                return self._places[candidate]
        return self._places.get(PROVINCE) or Place(PROVINCE, "province", "")

    def above(self, place: Place) -> Place:
        """The prefecture of a county, the province of anything else."""
        return self.nearest(_city_code(place.code) if place.level == "county" else PROVINCE)

    def full_name(self, place: Place) -> str:
        """The name as units use it: a district's with its city in front, since several cities share names."""
        if place.level != "county" or not self._is_urban_district(place):
            return place.name
        return self.above(place).name + place.name

    @staticmethod
    def _is_urban_district(place: Place) -> bool:
        # GB/T 2260: third and fourth digit 01-20 and 51-70 are prefecture-level cities, 21-50 autonomous
        # prefectures; within a city, 01-20 are its urban districts, 21-80 its counties, 81-99 cities which
        # it governs for the province.
        return not 21 <= int(place.code[2:4]) <= 50 and 1 <= int(place.code[4:]) <= 20


def _city_code(code: str) -> str:
    return code[:4] + "00"
