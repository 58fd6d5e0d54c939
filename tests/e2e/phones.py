"""Stock phones and a stock registrar as processes, and a call's sound told by its tone."""

import os
import shutil
import socket
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import numpy as np

from asr.audio import AudioFrame
from hotline.errors import LegGone
from hotline.gateway.media import MediaLeg
from hotline.gateway.sip.auth import ha1
from tests.e2e.ports import free_port, not_bound, sipp_ports

OURS_HZ, THEIRS_HZ = 440, 700
MODULES = Path("/usr/lib/baresip/modules")
REALM = "phones"
PASSWORD = "secret"
KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")


def tone(hz: float, rate: int, seconds: float) -> bytes:
    """Mono 16-bit samples of a sine."""
    times = np.arange(int(rate * seconds)) / rate
    return (8_000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()


def tone_file(path: Path, seconds: float = 60.0) -> Path:
    """A phone's voice: a WAV file at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(tone(THEIRS_HZ, 8_000, seconds))
    return path


def tone_in(samples: bytes, rate: int, hz: float) -> float:
    """The best second's share of sound energy within 20 Hz of a tone; 0 for silence."""
    values = np.frombuffer(samples, "<i2").astype(float)
    best = 0.0
    for at in range(0, max(1, len(values) - rate + 1), rate // 4):
        power = np.abs(np.fft.rfft(values[at : at + rate] * np.hanning(len(values[at : at + rate])))) ** 2
        if power.size and power.sum() > 1e9:
            around = np.abs(np.fft.rfftfreq(len(values[at : at + rate]), 1 / rate) - hz) < 20
            best = max(best, float(power[around].sum() / power.sum()))
    return best


async def talk(leg: MediaLeg, seconds: float) -> bytes:
    """Play our tone into a leg for so long; what was heard meanwhile, at 16 kHz."""
    heard = bytearray()

    async def play() -> None:
        try:
            await leg.play(tone(OURS_HZ, 16_000, seconds + 1))
        except LegGone:
            return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play)
        with anyio.move_on_after(seconds):
            async for item in leg.inputs():
                if isinstance(item, AudioFrame):
                    heard += item.pcm
        tasks.cancel_scope.cancel()
    return bytes(heard)


def users_file(path: Path, *names: str) -> Path:
    """Digest users, all with one password."""
    rows = [f"{name}:{REALM}:{ha1(kind, name, REALM, PASSWORD)}" for name in names for kind in _KINDS]
    path.write_text("\n".join(rows))
    return path


_KINDS = ("MD5", "SHA-256")


@asynccontextmanager
async def running(
    command: list[str], folder: Path, *, stdin: int = subprocess.DEVNULL
) -> AsyncIterator[anyio.abc.Process]:
    """A process, ended on leaving; what it says goes to `log` in its folder."""
    with (folder / "log").open("ab") as log:
        process = await anyio.open_process(
            command,
            cwd=folder,
            stdin=stdin,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
        try:
            yield process
        finally:
            with anyio.CancelScope(shield=True):
                if process.returncode is None:
                    process.terminate()
                    with anyio.move_on_after(5):
                        await process.wait()
                if process.returncode is None:
                    process.kill()
                await process.aclose()


async def run_sipp(command: list[str], folder: Path) -> None:
    """Run sipp to its end with ports of its own; fails with its complaints."""
    for _ in range(5):
        done = await anyio.run_process([*command, "-trace_err", *sipp_ports()], cwd=folder, check=False)
        errors = "".join(path.read_text(errors="replace") for path in folder.glob("*_errors.log"))
        said = errors or (done.stdout + done.stderr)[-2_000:].decode(errors="replace")
        if done.returncode == 0:
            return
        assert not_bound(said), said
        for path in folder.glob("*_errors.log"):
            path.unlink()
    raise AssertionError(said)


@asynccontextmanager
async def baresip(
    folder: Path, account: str, *, dial: str = "", authority: Path | None = None, media: str = ""
) -> AsyncIterator[anyio.abc.Process]:
    """baresip with one account line; answers by itself, or dials."""
    folder.mkdir(exist_ok=True)
    tone_file(folder / "tone.wav")
    (folder / "accounts").write_text(account + "\n")
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{free_port(socket.SOCK_DGRAM)}\n"
        f"module_path {MODULES}\nsnd_path {folder}\nnet_interface 127.0.0.1\n"
        + (f"sip_cafile {authority}\n" if authority is not None else "")
        + f"audio_source aufile,{folder}/tone.wav\naudio_player aubridge,nowhere\n"
        f"module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n{media}"
        "module_app account.so\nmodule_app menu.so\n"
    )
    command = ["baresip", "-f", str(folder), "-t", "90", *(["-e", f"/dial {dial}"] if dial else [])]
    async with running(command, folder) as process:
        yield process


def baresip_heard(folder: Path) -> float:
    """How much of our tone baresip wrote down; once it has ended."""
    found = sorted(folder.glob("dump-*-dec.wav"))
    return max((_file_tone(path) for path in found), default=0.0)


def _file_tone(path: Path) -> float:
    try:
        with wave.open(str(path)) as file:
            return tone_in(file.readframes(file.getnframes()), file.getframerate(), OURS_HZ)
    except (wave.Error, EOFError):
        return 0.0


@asynccontextmanager
async def linphone(
    folder: Path, server: str, user: str, *, password: str = PASSWORD, authority: Path | None = None
) -> AsyncIterator[anyio.abc.Process]:
    """linphonec, registered at `server` (`127.0.0.1:5060;transport=tcp`, "" for none); takes commands."""
    folder.mkdir(exist_ok=True)
    (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
    tone_file(folder / "tone.wav")
    registered = (
        f"[proxy_0]\nreg_proxy=<sip:{server}>\nreg_identity=sip:{user}@127.0.0.1\nreg_expires=120\n"
        "reg_sendregister=1\npublish=0\n"
        f"[auth_info_0]\nusername={user}\npasswd={password}\n"
    )
    (folder / "linphonerc").write_text(
        "[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nverify_server_certs=1\n"
        f"guess_hostname=1\nipv6_migration_done=1\nuse_ipv6=0\nroot_ca={authority or ''}\n"
        f"default_proxy={0 if server else -1}\n"
        "[net]\nmtu=1300\n[rtp]\naudio_rtp_port=-1\n[sound]\nec=0\n"
        "[video]\ncapture=0\ndisplay=0\n" + (registered if server else "")
    )
    command = ["linphonec", "-a", "-c", str(folder / "linphonerc")]
    async with running(command, folder, stdin=subprocess.PIPE) as process:
        await anyio.sleep(0.5)
        await say(process, "soundcard use files", f"play {folder}/tone.wav", f"record {folder}/heard.wav")
        yield process


async def say(process: anyio.abc.Process, *commands: str) -> None:
    """Type commands into linphonec."""
    assert process.stdin is not None
    for text in commands:
        await process.stdin.send(text.encode() + b"\n")
        await anyio.sleep(0.2)


def linphone_heard(folder: Path) -> float:
    """How much of our tone linphonec wrote down."""
    path = folder / "heard.wav"
    return _file_tone(path) if path.exists() else 0.0


@asynccontextmanager
async def kamailio(folder: Path, port: int) -> AsyncIterator[anyio.abc.Process]:
    """A registrar and proxy on UDP and TCP that forgets everything when it ends.

    REGISTER and INVITE must authenticate (401, 407) with one password for all users.
    """
    folder.mkdir(exist_ok=True)
    (folder / "kamailio.cfg").write_text(KAMAILIO_FILE.replace("@PORT@", str(port)).replace("@REALM@", REALM))
    assert KAMAILIO is not None
    command = [KAMAILIO, "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-m", "64", "-M", "8"]
    command += ["-Y", str(folder), "-n", "2"]
    async with running(command, folder) as process:
        await listening(port)
        yield process


async def listening(port: int) -> None:
    """Wait until somebody takes connections there."""
    with anyio.fail_after(20):
        while True:
            try:
                stream = await anyio.connect_tcp("127.0.0.1", port)
            except OSError:
                await anyio.sleep(0.1)
            else:
                await stream.aclose()
                return


KAMAILIO_FILE = """\
#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:127.0.0.1:@PORT@
listen=tcp:127.0.0.1:@PORT@
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 30)
modparam("registrar", "max_expires", 120)
modparam("rr", "append_fromtag", 1)

request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
    sl_send_reply("404", "Not Here");
    exit;
  }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("@REALM@", "secret", "0")) { www_challenge("@REALM@", "1"); exit; }
    save("location");
    exit;
  }
  if (is_method("INVITE")) {
    if (!pv_proxy_authenticate("@REALM@", "secret", "0")) { proxy_challenge("@REALM@", "1"); exit; }
    consume_credentials();
    record_route();
    if (!lookup("location")) { sl_send_reply("480", "Nobody Here"); exit; }
    t_relay();
    exit;
  }
  sl_send_reply("405", "Method Not Allowed");
}
"""
