"""Lists of clips: our own manifests, and corpora in the layouts they are published in."""

from pathlib import Path

import pytest

from asr.clips import BadManifest, load_clips

pytestmark = pytest.mark.unit


def lay(folder: Path, files: dict[str, str]) -> Path:
    """A made-up corpus: texts by path; sound files are empty."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def told(source: Path, split: str = "") -> list[tuple[str, str, str, str]]:
    found = load_clips(source, split)
    assert all(each.file.is_file() for each in found)
    return [(each.id, each.reference, each.kind, each.file.relative_to(source).as_posix()) for each in found]


def test_clips_are_read_by_split_and_only_with_a_reference(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text(
        'id\tfile\ttranscript\tkind\tsplit\na\ta.wav\t你"好\tx\tdev\nb\tb.wav\t。\tx\tdev\nc\tc.wav\t好\ty\tother\n',
        encoding="utf-8",
    )
    (clip,) = load_clips(manifest, "dev")
    assert (clip.id, clip.file, clip.reference, clip.kind) == ("a", tmp_path / "a.wav", '你"好', "x")
    assert [each.id for each in load_clips(manifest)] == ["a", "c"]
    with pytest.raises(BadManifest, match="split nowhere"):
        load_clips(manifest, "nowhere")


def test_what_is_wrong_with_a_manifest_is_said(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text("id\tfile\na\tb\n", encoding="utf-8")
    with pytest.raises(BadManifest, match="transcript"):
        load_clips(manifest)
    with pytest.raises(BadManifest, match="cannot be read"):
        load_clips(tmp_path / "absent.tsv")


def test_wsc_eval(tmp_path: Path) -> None:
    lay(tmp_path, {
        "Easy/wav.scp": "clip-a Eval/Easy/wav/clip-a.wav\nclip-b Eval/Easy/wav/clip-b.wav\n",
        "Easy/text": "clip-a 今天把这个事情整起\nclip-b (晓得)莫得*问题\n",
        "Easy/key.txt": "clip-b\nclip-a\n",
        "Easy/wav/clip-a.wav": "", "Easy/wav/clip-b.wav": "",
        "Hard/wav.scp": "clip-c Eval/Hard/wav/clip-c.wav\n",
        "Hard/text": "clip-c 要得嘛\n",
        "Hard/wav/clip-c.wav": "",
    })  # fmt: skip
    assert told(tmp_path) == [
        ("clip-b", "(晓得)莫得*问题", "Easy", "Easy/wav/clip-b.wav"),
        ("clip-a", "今天把这个事情整起", "Easy", "Easy/wav/clip-a.wav"),
        ("clip-c", "要得嘛", "Hard", "Hard/wav/clip-c.wav"),
    ]
    assert [each[0] for each in told(tmp_path, "Hard")] == ["clip-c"]


def test_kespeech(tmp_path: Path) -> None:
    place = "Audio/1000001/phase1/1000001_ab.wav"
    lay(tmp_path, {
        "Tasks/ASR/test/wav.scp": f"1000001_ab {place}\n1000002_cd Audio/1000002/phase1/1000002_cd.wav\n",
        "Tasks/ASR/test/text": "1000001_ab 我在成都<SPOKEN_NOISE>\n1000002_cd 我在北京\n",
        "Tasks/ASR/test/utt2subdialect": "1000001_ab Southwestern\n1000002_cd Mandarin\n",
        "Tasks/ASR/test/utt2spk": "1000001_ab 1000001\n1000002_cd 1000002\n",
        place: "", "Audio/1000002/phase1/1000002_cd.wav": "",
    })  # fmt: skip
    assert told(tmp_path, "Southwestern") == [
        ("1000001_ab", "我在成都", "Tasks/ASR/test/Southwestern", place),
    ]
    assert len(told(tmp_path, "test")) == 2


def test_kaldi_with_segments(tmp_path: Path) -> None:
    lay(tmp_path, {
        "wav.scp": "tape sound/tape.flac\n",
        "text": "tape-1 第一 句\ntape-2 第二 句\n",
        "segments": "tape-1 tape 0.5 2.25\ntape-2 tape 3.0 -1\n",
        "sound/tape.flac": "",
    })  # fmt: skip
    one, two = load_clips(tmp_path)
    assert (one.start, one.end, one.kind) == (0.5, 2.25, "all")
    assert (two.start, two.end, two.reference) == (3.0, None, "第二 句")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"wav.scp": "a sph2pipe a.sph |\n", "text": "a 好\n"}, "commands are not run"),
        ({"wav.scp": "a a.wav\n", "text": "b 好\n"}, "b has no sound"),
        ({"wav.scp": "a a.wav\n", "text": "a 好\n", "key.txt": "c\n"}, "c has no text"),
        ({"wav.scp": "a a.wav\n", "text": "a 好\n", "segments": "a a x 2\n"}, "not `utterance recording"),
        ({"TXT/a.txt": "anything\n", "WAV/a.wav": ""}, "a.txt:1: not"),
        ({"readme.md": "nothing\n"}, "neither Kaldi"),
    ],
)
def test_what_is_wrong_with_a_corpus_is_said(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(BadManifest, match=said):
        load_clips(lay(tmp_path, files))


def test_aishell(tmp_path: Path) -> None:
    lay(tmp_path, {
        "transcript/aishell_transcript_v0.8.txt": "BAC009S0764W0121 甚至 出现\nBAC009S0002W0122 而 对\n",
        "wav/test/S0764/BAC009S0764W0121.wav": "",
        "wav/train/S0002/BAC009S0002W0122.wav": "",
        "wav/train/S0002/BAC009S0002W0999.wav": "",
    })  # fmt: skip
    assert told(tmp_path, "test") == [
        ("BAC009S0764W0121", "甚至 出现", "test", "wav/test/S0764/BAC009S0764W0121.wav"),
    ]
    assert len(told(tmp_path)) == 2


def test_magicdata_read_speech(tmp_path: Path) -> None:
    lay(tmp_path, {
        "test/TRANS.txt": "UtteranceID\tSpeakerID\tTranscription\n38_5716_1.wav\t38_5716\t播放[FIL]一首歌\n",
        "test/38_5716/38_5716_1.wav": "",
    })  # fmt: skip
    assert told(tmp_path, "test") == [
        ("38_5716_1", "播放一首歌", "test", "test/38_5716/38_5716_1.wav"),
    ]


def test_magichub_scripted(tmp_path: Path) -> None:
    head = "CHANNEL\tUTTRANS_ID\tSPEAKER_ID\tPROMPT\tTRANSCRIPTION\n"
    lay(tmp_path, {
        "UTTRANSINFO.txt": head + "C0\tG0004_0_S0001\tG0004\t\t你在哪个塌塌\n",
        "WAV/G0004/G0004_0_S0001.wav": "",
    })  # fmt: skip
    assert told(tmp_path) == [("G0004_0_S0001", "你在哪个塌塌", "all", "WAV/G0004/G0004_0_S0001.wav")]


def test_magichub_conversations(tmp_path: Path) -> None:
    lay(tmp_path, {
        "TXT/A0001_S001_0_G0001.txt": (
            "[0.000,2.500]\t0\tnone\t[ENS]\n[2.5,4.75]\tG0001\t男,成都\t你吃饭没得\n[5,6]\tG0002\t吃了[*]\n"
        ),
        "WAV/A0001_S001_0_G0001.WAV": "",
    })  # fmt: skip
    one, two = load_clips(tmp_path)
    assert (one.reference, one.start, one.end) == ("你吃饭没得", 2.5, 4.75)
    assert (two.reference, two.file.name) == ("吃了", "A0001_S001_0_G0001.WAV")
