"""Corpora whose file names tell everything: one row of a table each."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ser_ros.corpora.clips import LICENCES, Clip, gender
from ser_ros.corpora.found import Folder, Found, Layout, Options
from ser_ros.labels import (
    ANGRY,
    BOREDOM,
    CALM,
    DISGUST,
    FEAR,
    HAPPY,
    NEUTRAL,
    SAD,
    SURPRISE,
    canonical,
)


@dataclass(frozen=True)
class Naming:
    """How the files of one corpus are named."""

    corpus: str
    example: str
    language: str
    pattern: re.Pattern[str]
    """Searched in `folder/stem`; its groups are `speaker`, `emotion` and, maybe, `song`."""
    emotions: Mapping[str, str] = field(default_factory=dict)
    """The corpus's own codes; words that `labels` knows need none."""
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Misspelt speakers."""
    genders: Callable[[str], str] = lambda speaker: ""

    def match(self, path: Path) -> re.Match[str] | None:
        return self.pattern.search(f"{path.parent.name}/{path.stem}")

    def fits(self, folder: Folder) -> float:
        matching = sum(self.match(path) is not None for path in folder.recordings)
        return matching / max(1, len(folder.recordings))

    def read(self, folder: Folder, options: Options) -> Found:
        clips: list[Clip] = []
        skipped: list[tuple[Path, str]] = []
        told = _demographics(folder) if self.corpus == "cremad" else {}
        # CREMA-D's repository holds every recording as wav and as mp3.
        best = {p.stem: p.suffix for p in sorted(folder.recordings, key=_coarse, reverse=True)}
        for path in folder.recordings:
            found = self.match(path)
            if found is None:
                skipped.append((path, f"its name is not like {self.example}"))
                continue
            if path.suffix != best[path.stem]:
                skipped.append((path, f"it is there as {best[path.stem]} too"))
                continue
            if found.groupdict().get("song"):
                skipped.append((path, "it is sung, not spoken"))
                continue
            code, speaker = found["emotion"], found["speaker"].upper()
            speaker = self.speakers.get(speaker, speaker)
            clips.append(
                Clip(
                    path,
                    self.emotions.get(code) or canonical(code),
                    f"{self.corpus}/{speaker}",
                    self.corpus,
                    told.get(speaker) or self.genders(speaker),
                    self.language,
                    LICENCES[self.corpus],
                )
            )
        return Found(self.corpus, clips, skipped)


def _coarse(path: Path) -> int:
    """Return how far a recording's format may be from what was recorded."""
    return {".wav": 0, ".flac": 1}.get(path.suffix.lower(), 2)


def _demographics(folder: Folder) -> dict[str, str]:
    """Return the gender of each actor of CREMA-D, from the table that lies in its repository."""
    name = "videodemographics.csv"
    above = folder.root.resolve().parent / "VideoDemographics.csv"
    for table in (*folder.tables, above):
        if table.name.lower() != name or not table.is_file():
            continue
        try:
            with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
                rows = list(csv.DictReader(file))
        except (OSError, csv.Error):  # clips without a gender are clips all the same
            continue
        return {(row.get("ActorID") or "").strip(): gender(row.get("Sex")) for row in rows}
    return {}


def _listed(male: str, female: str) -> Callable[[str], str]:
    known = dict.fromkeys(male.split(), "male") | dict.fromkeys(female.split(), "female")
    return lambda speaker: known.get(speaker, "")


NAMINGS = (
    Naming(
        "ravdess",
        "03-01-05-01-02-01-12.wav",
        "en",
        # modality, channel (02: song), emotion, intensity, statement, repetition, actor
        re.compile(
            r"/0[123]-(?:01|(?P<song>02))-(?P<emotion>0[1-8])-0[12]-0[12]-0[12]"
            r"-(?P<speaker>[01][0-9]|2[0-4])$"
        ),
        {
            "01": NEUTRAL,
            "02": CALM,
            "03": HAPPY,
            "04": SAD,
            "05": ANGRY,
            "06": FEAR,
            "07": DISGUST,
            "08": SURPRISE,
        },
        genders=lambda speaker: "male" if int(speaker) % 2 else "female",
    ),
    Naming(
        "emodb",
        "03a01Fa.wav",
        "de",
        # speaker, text, emotion by its German name, version
        re.compile(r"/(?P<speaker>0[389]|1[0-6])[ab][0-9]{2}(?P<emotion>[WLEAFTN])[a-z]?$"),
        {
            "W": ANGRY,
            "L": BOREDOM,
            "E": DISGUST,
            "A": FEAR,
            "F": HAPPY,
            "T": SAD,
            "N": NEUTRAL,
        },
        genders=_listed("03 10 11 12 15", "08 09 13 14 16"),
    ),
    Naming(
        "tess",
        "OAF_back_angry.wav",
        "en",
        # The younger and the older woman, a word, an emotion; `ps` is a pleasant surprise.
        re.compile(
            r"/(?P<speaker>[OY]AF?)_[a-z]+"
            r"_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)$",
            re.IGNORECASE,
        ),
        speakers={"OA": "OAF", "YA": "YAF"},  # OA_bite_neutral.wav is in the corpus as published
        genders=lambda speaker: "female",
    ),
    Naming(
        "savee",
        "DC_a01.wav or DC/a01.wav",
        "en",
        re.compile(
            r"(?:^|/)(?P<speaker>DC|JE|JK|KL)[_/](?P<emotion>sa|su|[adfhn])[0-9]{2}$",
        ),
        {
            "a": ANGRY,
            "d": DISGUST,
            "f": FEAR,
            "h": HAPPY,
            "n": NEUTRAL,
            "sa": SAD,
            "su": SURPRISE,
        },
        genders=lambda speaker: "male",
    ),
    Naming(
        "cremad",
        "1001_DFA_ANG_XX.wav",
        "en",
        # Actor, sentence, emotion, level; one file is published with a single X.
        re.compile(
            r"/(?P<speaker>1[0-9]{3})_[A-Z]{3}_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)"
            r"_(?:LO|MD|HI|XX?)$"
        ),
    ),
    Naming(
        "nemo",
        "EB0_anger_1.wav",
        "pl",
        re.compile(
            r"/(?P<speaker>[A-Z]{2}[0-9])"
            r"_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_[0-9]+$"
        ),
        genders=_listed("KS0 MP0 SM0 TP0 WR0", "EB0 IC0 KD0 MK0"),
    ),
)

LAYOUTS = tuple(
    Layout(naming.corpus, f"files like {naming.example}", naming.fits, naming.read)
    for naming in NAMINGS
)
