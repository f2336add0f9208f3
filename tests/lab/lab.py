"""Runs programs next to a real BlueZ and simulated peripherals, in an emulated machine.

    target/lab/host/bin/python tests/lab/lab.py scenarios [--binary PROGRAM] [NAME…]
    target/lab/host/bin/python tests/lab/lab.py run --peripheral improv,mtu=23 [--binary PROGRAM] -- COMMAND [ARGUMENT…]
    target/lab/host/bin/python tests/lab/lab.py compare --binary PROGRAM [--rounds N]

`tests/lab/prepare.sh` makes what this needs. README.md beside this file tells the rest.
"""

import argparse
import asyncio
import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

from bumble.transport import open_transport

from beacon import Beacon
from improv import Improv
from protocomm import Protocomm, check_vectors
from radio import ADAPTER_ADDRESS, Adapter, Air

HERE = pathlib.Path(__file__).resolve().parent
LAB = pathlib.Path(os.environ.get("LINESMAN_LAB_DIR", HERE.parents[1] / "target/lab")).resolve()
KINDS = {"beacon": Beacon, "improv": Improv, "protocomm": Protocomm}
BOOT_LIMIT_SECS = 240
# What a desktop has: it agrees to a pairing that shows no code.
AGENT = ["python3", "/lab/foreign/agent.py"]
# What must not be in any output of the program: what the files of the scenarios hold.
SECRETS = ["secret123", "not the passphrase", "abcd1234", "not the proof", "tok-5f2c"]
# 32 octets, the most that fit into a name.
LONG_NAME = "The office behind the warehouse."


class Failure(Exception):
    pass


def virtualisation():
    """`kvm` where a stock kernel can use it: a /dev/kvm alone is not enough, some clouds offer one that hangs it."""
    chosen = os.environ.get("LINESMAN_LAB_ENGINE")
    modules = [pathlib.Path("/sys/module", name) for name in ("kvm_intel", "kvm_amd")]
    has_kvm = os.access("/dev/kvm", os.R_OK | os.W_OK) and any(module.exists() for module in modules)
    return chosen or ("kvm" if has_kvm else "tcg")


def dies_with_us():
    """In the child: the kernel ends it when this process ends, however that happens."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Guest:
    """The virtual machine: boots it, runs programs in it, keeps its adapter on the air."""

    def __init__(self, binary=None):
        self.binary, self.air, self.number, self.heard, self.jobs = binary, Air(), 0, 0, {}
        self.engine = virtualisation()

    async def __aenter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="linesman-lab-"))
        began = time.monotonic()
        self.qemu = subprocess.Popen(self.command(self.initrd()), env=self.environment(), stdin=subprocess.DEVNULL,
                                     stderr=open(self.folder / "qemu.log", "wb"), start_new_session=True, preexec_fn=dies_with_us)
        try:
            await asyncio.wait_for(self.boot(), BOOT_LIMIT_SECS)
        except BaseException as error:
            self.end()
            raise Failure(f"the guest did not start: {error or type(error).__name__}\n{self.console()}") from error
        self.boot_secs = time.monotonic() - began
        return self

    async def __aexit__(self, *_):
        self.reader.cancel()
        self.end()

    def end(self):
        self.qemu.kill()
        self.qemu.wait()
        shutil.rmtree(self.folder, ignore_errors=True) if not os.environ.get("LINESMAN_LAB_KEEP") else print(self.folder)

    def console(self):
        logs = [self.folder / name for name in ("qemu.log", "console.log")]
        return "".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())

    def initrd(self):
        """The prepared root, and after it an archive with what may change from run to run."""
        files = self.folder / "files/lab"
        files.mkdir(parents=True)
        shutil.copy(HERE / "guest-init.sh", files.parent / "init")
        shutil.copy(HERE / "guest.py", files)
        shutil.copy(HERE / "bluez.sh", files)
        shutil.copytree(HERE / "foreign", files / "foreign")
        if self.binary:
            (files / "bin").mkdir()
            # Debug information and symbols are most of a development build, and the guest holds all of it in memory.
            subprocess.run(["strip", "--strip-all", "-o", files / "bin/linesman", self.binary], check=True)
        image = self.folder / "initrd"
        with open(image, "wb") as out:
            subprocess.run(["cat", LAB / "initrd"], stdout=out, check=True)
            busybox = f"find . | '{LAB}/guest/bin/busybox' cpio -o -H newc 2>/dev/null"
            subprocess.run(busybox, shell=True, cwd=files.parent, stdout=out, check=True)
        return image

    def environment(self):
        return {**os.environ, "QEMU_MODULE_DIR": str(next((LAB / "qemu/usr/lib").glob("*/qemu")))}

    def command(self, initrd):
        root, at = LAB / "qemu", self.folder
        libraries = next((root / "usr/lib").glob("*-linux-gnu"))
        # Its own loader and libraries: what is unpacked there may be newer than what this machine has.
        loader = [root / "lib64/ld-linux-x86-64.so.2", "--library-path", libraries, root / "usr/bin/qemu-system-x86_64"]
        kvm = self.engine == "kvm"
        return [str(part) for part in [
            *loader, "-L", root / "usr/share/qemu", "-L", root / "usr/share/seabios",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "1536", "-smp", "2",
            "-machine", "q35", "-accel", "kvm" if kvm else "tcg,thread=multi",
            "-cpu", "host,arch-capabilities=off" if kvm else "max,la57=off",
            "-kernel", LAB / "vmlinux", "-initrd", initrd,
            "-append", "console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on no_timer_check mitigations=off "
                       "apparmor=0 audit=0 cryptomgr.notests rdinit=/init",
            "-chardev", f"file,id=console,path={at}/console.log", "-serial", "chardev:console",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=hci,path={at}/hci.sock,server=on,wait=off", "-device", "virtconsole,chardev=hci",
            "-chardev", f"socket,id=lab,path={at}/lab.sock,server=on,wait=off",
            "-device", "virtserialport,chardev=lab,name=lab",
        ]]

    async def boot(self):
        while not all((self.folder / name).exists() for name in ("hci.sock", "lab.sock")):
            if self.qemu.poll() is not None:
                raise Failure("qemu ended")
            await asyncio.sleep(0.01)
        self.hci = await open_transport(f"unix:{self.folder}/hci.sock")
        self.adapter = Adapter("adapter", host_source=self.hci.source, host_sink=self.hci.sink, link=self.air,
                               public_address=ADAPTER_ADDRESS)
        source, self.port = await asyncio.open_unix_connection(str(self.folder / "lab.sock"), limit=1 << 24)
        self.ready = asyncio.get_running_loop().create_future()
        self.reader = asyncio.get_running_loop().create_task(self.read(source))
        await self.ready
        while True:
            lines, _ = await self.run("dbus-send --system --print-reply --dest=org.bluez /org/bluez/hci0 "
                                      "org.freedesktop.DBus.Properties.Get string:org.bluez.Adapter1 string:Powered".split())
            if any("boolean true" in line["line"] for line in lines):
                return
            await asyncio.sleep(0.1)

    async def read(self, source):
        while line := await source.readline():
            message = json.loads(line)
            if "ready" in message:
                self.ready.set_result(message["ready"])
            else:
                self.jobs[message["id"]].put_nowait(message)

    def send(self, **message):
        self.port.write(json.dumps(message).encode() + b"\n")

    async def run(self, argv, on_line=None, limit_secs=60, **more):
        """Runs a program to its end; its lines, and {"exit", "seconds"}. `on_line` hears each line as it comes."""
        self.number += 1
        job = f"job{self.number}"
        messages = self.jobs[job] = asyncio.Queue()
        self.send(run=job, argv=argv, **more)
        lines, is_killed = [], False
        deadline = time.monotonic() + limit_secs
        while True:
            try:
                message = await asyncio.wait_for(messages.get(), max(0.1, deadline - time.monotonic()))
            except TimeoutError:
                if is_killed:
                    raise Failure("the guest does not answer") from None
                is_killed, deadline = True, time.monotonic() + 10
                self.send(kill=job)
                continue
            if "exit" in message:
                del self.jobs[job]
                return lines, {**message, "killed": is_killed}
            lines.append(message)
            if on_line:
                await on_line(message)

    async def start(self, argv):
        """Starts a program that runs beside the others; returns once it has printed a line. `stop` ends it."""
        is_up = asyncio.get_running_loop().create_future()

        async def on_line(_):
            is_up.done() or is_up.set_result(None)

        task = asyncio.get_running_loop().create_task(self.run(argv, on_line, limit_secs=3600))
        job = f"job{self.number + 1}"
        await asyncio.wait([task, is_up], timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if not is_up.done():
            raise Failure(f"{argv} does not start: {task.result() if task.done() else 'no line'}")
        return task, job

    async def stop(self, started):
        task, job = started
        self.send(kill=job)
        await task


    async def revive(self, scenario):
        """Starts bluetoothd anew where it ended by itself; whether it had. Without it no scenario says anything of the program."""
        if any("killall" in act for act in scenario.get("before", [])):
            return False
        _, end = await self.run(["busybox", "pidof", "bluetoothd"])
        if end["exit"] == 0:
            return False
        log = await self.bluez()
        print(f"bluetoothd is gone ({log[-1] if log else 'without a word'}) and is started again", flush=True)
        await self.run(["sh", "-c", "/lab/bluez.sh >>/run/bluetoothd.log 2>&1 </dev/null &"])
        deadline = time.monotonic() + 20
        asks = ["dbus-send", "--system", "--print-reply", "--dest=org.bluez", "/org/bluez/hci0",
                "org.freedesktop.DBus.Properties.Get", "string:org.bluez.Adapter1", "string:Powered"]
        while time.monotonic() < deadline:
            lines, _ = await self.run(asks)
            if any("boolean true" in line["line"] for line in lines):
                return True
            await asyncio.sleep(0.3)
        raise Failure("bluetoothd does not come back\n" + "\n".join(await self.bluez()))

    async def bluez(self):
        """What bluetoothd has said since this was last asked."""
        log, _ = await self.run(["busybox", "cat", "/run/bluetoothd.log"])
        new = [line["line"] for line in log][self.heard :]
        self.heard += len(new)
        return new


@contextlib.asynccontextmanager
async def on_air(guest, peripherals, number, crowd=0):
    """The peripherals, advertising; each with an address that no other scenario used. `crowd` are devices that do no more."""
    devices = []
    others = asyncio.get_running_loop().create_task(guest.adapter.hear_crowd(crowd)) if crowd else None
    try:
        for i, options in enumerate(peripherals, 1):
            options = {"address": f"C0:00:00:00:{number:02X}:{i:02X}", **options}
            device = KINDS[options["kind"]](guest.air, options)
            await device.start()
            devices.append(device)
        yield devices
    finally:
        if others:
            others.cancel()
        for device in devices:
            await device.stop()


def holds(actual, wanted):
    """Whether a JSON value has all that is wanted; a list needs one element for each, in their order."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(key in actual and holds(actual[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        rest = iter(actual if isinstance(actual, list) else [])
        return all(any(holds(element, value) for element in rest) for value in wanted)
    if isinstance(wanted, str) and wanted.startswith("~"):
        return isinstance(actual, str) and wanted[1:] in actual
    return actual == wanted


def parsed(line):
    try:
        return json.loads(line["line"])
    except ValueError:
        return line["line"]


def shortcomings(scenario, devices, lines, end):
    """What did not come as the scenario says."""
    said = [parsed(line) for line in lines if line["stream"] == "stdout"]
    if end["killed"]:
        yield f"it did not end within {scenario.get('limit_secs', 60)} s"
    elif end["exit"] != scenario.get("exit", 0):
        yield f"exit code {end['exit']} instead of {scenario.get('exit', 0)}"
    rest = iter(said)
    for wanted in scenario.get("expect", []):
        if not any(holds(value, wanted) for value in rest):
            yield f"no line (in this order) with {wanted}"
    for wanted in scenario.get("also", []):
        if not any(holds(value, wanted) for value in said):
            yield f"no line with {wanted}"
    if (last := scenario.get("last")) and not (said and holds(said[-1], last)):
        yield f"the last line has not {last}"
    for unwanted in scenario.get("never", []):
        yield from (f"a line with {unwanted}: {value}" for value in said if holds(value, unwanted))
    log = devices[0].log if devices else []
    rest = iter(log)
    for wanted in scenario.get("device", []):
        if not any(wanted in text for text in rest):
            yield f"the device did not log (in this order) {wanted!r}"
    for unwanted in scenario.get("device_never", []):
        yield from (f"the device logged {text!r}" for text in log if unwanted in text)
    if scenario["run"].startswith("linesman "):
        for secret in SECRETS:
            if any(secret in line["line"] for line in lines):
                yield f"a secret is in its output: {secret}"


async def play(guest, scenario, number):
    places = {f"address{i}": f"C0:00:00:00:{number:02X}:{i:02X}" for i in range(1, 9)}
    places |= {"address": places["address1"], "previous": f"C0:00:00:00:{number - 1:02X}:01", "long_name": LONG_NAME}
    scenario = filled(scenario, places)
    async with on_air(guest, scenario.get("peripherals", []), number, scenario.get("crowd", 0)) as devices:
        pending = list(scenario.get("when", []))

        async def on_line(line):
            for reaction in [reaction for reaction in pending if holds(parsed(line), reaction["line"])]:
                pending.remove(reaction)
                await getattr(devices[0], reaction["do"])()

        for command in scenario.get("before", []):
            await guest.run(shlex.split(command))
        agent = await guest.start(AGENT) if scenario.get("agent") else None
        try:
            lines, end = await guest.run(shlex.split(scenario["run"]), on_line, scenario.get("limit_secs", 60),
                                         files=scenario["files"])
            held = [device.name for device in devices if not await device.is_let_go()]
        finally:
            if agent:
                await guest.stop(agent)
            for command in scenario.get("after", []):
                await guest.run(shlex.split(command))
        problems = list(shortcomings(scenario, devices, lines, end))
        return lines, end, problems + [f"{name} is still connected" for name in held]


def filled(value, places):
    """The value with every {place} in its texts replaced."""
    if isinstance(value, dict):
        return {key: inner if key == "files" else filled(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, places) for inner in value]
    for place, text in places.items() if isinstance(value, str) else ():
        value = value.replace(f"{{{place}}}", text)
    return value


def load_scenarios(names=(), has_binary=True):
    document = tomllib.loads((HERE / "scenarios.toml").read_text())
    files = {path: (HERE / text[1:]).read_text() if text.startswith("@") else text
             for path, text in document["files"].items()}
    scenarios = [{"files": files, **scenario} for scenario in document["scenario"]]
    if unknown := set(names) - {scenario["name"] for scenario in scenarios}:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}")
    chosen = [scenario for scenario in scenarios if not names or scenario["name"] in names]
    return [scenario for scenario in chosen if has_binary or not scenario["run"].startswith("linesman ")]


async def tell(guest, scenario, number, verbose):
    """Plays it once; the lines that say how it went: none but the verdict's, unless it failed or more is asked for."""
    began = time.monotonic()
    await guest.bluez()
    lines, end, problems = await play(guest, scenario, number)
    told = []
    if problems or verbose:
        told += [f"    {line['at']:7.2f} {line['stream']}: {line['line']}" for line in lines]
    if problems:
        told += [f"    {line}" for line in await guest.bluez()]
        told += [f"    wrong: {problem}" for problem in problems]
    verdict = "FAILED" if problems else "ok"
    told.append(f"{verdict:6} {scenario['name']:32} {time.monotonic() - began:6.2f} s, the program {end['seconds']:6.2f} s")
    print("\n".join(told), flush=True)
    return not problems, told


async def run_scenarios(options):
    check_vectors()
    scenarios = load_scenarios(options.names, options.binary)
    numbers = itertools.count(1)  # each play has addresses of its own
    failed, unsteady, deaths = {}, {}, 0
    async with Guest(options.binary) as guest:
        print(f"guest up after {guest.boot_secs:.1f} s ({guest.engine})", flush=True)
        for scenario in scenarios:
            print(f"--- {scenario['name']}", flush=True)
            deaths += await guest.revive(scenario)
            passes, told = await tell(guest, scenario, next(numbers), options.verbose)
            if passes:
                continue
            # The radio of the lab is emulated on a machine that does other things, too: what fails once and then passes
            # twice in a row does not fail the run, and is shown with all that was seen. What fails twice is a failure.
            again = []
            for _ in range(2):
                deaths += await guest.revive(scenario)
                again.append(await tell(guest, scenario, next(numbers), options.verbose))
            (unsteady if all(ok for ok, _ in again) else failed)[scenario["name"]] = told
    # Once more at the end, where a log that is cut still has it.
    for kind, those in (("unsteady", unsteady), ("failed", failed)):
        for name, told in those.items():
            print(f"=== {kind}: {name}", *told, sep="\n")
    summary = f"{len(scenarios) - len(failed)} of {len(scenarios)} scenarios passed"
    summary += f", {len(unsteady)} of them unsteady: {', '.join(unsteady)}" if unsteady else ""
    print(summary + (f"; bluetoothd ended by itself {deaths} times" if deaths else ""))
    return not failed and bool(scenarios)


def peripheral_from(text):
    kind, *pairs = text.split(",")
    options = {"kind": kind}
    for name, value in (pair.split("=", 1) for pair in pairs):
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


async def run_one(options):
    async with Guest(options.binary) as guest:
        print(f"guest up after {guest.boot_secs:.1f} s ({guest.engine})", file=sys.stderr)
        if options.agent:
            await guest.start(AGENT)
        async with on_air(guest, map(peripheral_from, options.peripheral), 1, options.crowd) as devices:
            for device in devices:
                print(f"{device.name} at {device.address}", file=sys.stderr)

            async def show(line):
                print(line["line"], file=sys.stdout if line["stream"] == "stdout" else sys.stderr, flush=True)

            _, end = await guest.run(options.command, show, options.limit)
            print(f"exit {end['exit']} after {end['seconds']} s", file=sys.stderr)
            return end["exit"] == 0


# Who is compared with whom: the peripheral, our command line, the foreign client's, and for each the line that says "joined".
RACES = {
    "Improv": (
        {"kind": "improv", "join_millis": 0, "leaves_after_success": False},
        "linesman commission --via ble:{address} --ssid LabNet --password-file wifi.txt --no-scan --json",
        {"kind": "state", "state": "provisioned"},
        "python3 /lab/foreign/improv_client.py {address} LabNet secret123",
        {"step": "state", "state": "PROVISIONED"},
    ),
    "Security 2": (
        {"kind": "protocomm", "name": "LAB_{number}", "polls": 0},
        "linesman commission --via ble:{address} --profile lab --username wifiprov --pop-file pop.txt --ssid LabNet "
        "--password-file wifi.txt --no-scan --json",
        {"kind": "outcome", "outcome": "joined"},
        "python3 /lab/foreign/esp_client.py LAB_{number} LabNet secret123 abcd1234",
        {"step": "result", "outcome": "connected"},
    ),
}


async def compare(options):
    """From the start of the program to the line that says "joined", ours and the foreign client's in turn, in one boot."""
    files = load_scenarios()[0]["files"]
    async with Guest(options.binary) as guest:
        print(f"guest up after {guest.boot_secs:.1f} s ({guest.engine}); seconds from the program's start to \"joined\"")
        number = 0
        for race, (peripheral, our_command, our_line, their_command, their_line) in RACES.items():
            if options.race not in (None, race):
                continue
            seconds = {"ours": [], "theirs": [], "theirs without imports": []}
            for _ in range(options.rounds):
                for who, command, wanted in (("ours", our_command, our_line), ("theirs", their_command, their_line)):
                    number += 1
                    places = {"address": f"C0:00:00:00:{number:02X}:01", "number": f"{number:06}"}
                    async with on_air(guest, [filled(peripheral, places)], number):
                        lines, _ = await guest.run(shlex.split(filled(command, places)), files=files)
                    at = [line["at"] for line in lines if holds(parsed(line), wanted)]
                    if not at:
                        print("\n".join(line["line"] for line in lines))
                        raise Failure(f"{who} did not join ({race})")
                    seconds[who].append(at[0])
                    if imported := [line["at"] for line in lines if holds(parsed(line), {"step": "imported"})]:
                        seconds["theirs without imports"].append(at[0] - imported[0])
            for who, figures in seconds.items():
                print(f"{race:12} {who:24} median {statistics.median(figures):6.2f} s   {[round(f, 2) for f in figures]}")
            print(f"{race:12} ours / theirs: {statistics.median(seconds['ours']) / statistics.median(seconds['theirs']):.2f}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    scenarios = commands.add_parser("scenarios")
    scenarios.add_argument("names", nargs="*")
    scenarios.add_argument("-v", "--verbose", action="store_true", help="show what the programs print, also of those that pass")
    scenarios.set_defaults(work=run_scenarios)
    run = commands.add_parser("run")
    run.add_argument("--peripheral", action="append", default=[], help="KIND[,OPTION=VALUE…]; see radio.py, improv.py, protocomm.py")
    run.add_argument("--agent", action="store_true", help="a pairing agent that agrees, as a desktop has one")
    run.add_argument("--crowd", type=int, default=0, help="so many devices that only advertise, every two seconds")
    run.add_argument("--limit", type=float, default=120, help="seconds")
    run.add_argument("command", nargs="+")
    run.set_defaults(work=run_one)
    race = commands.add_parser("compare")
    race.add_argument("--rounds", type=int, default=5)
    race.add_argument("--race", choices=RACES)
    race.set_defaults(work=compare)
    for command in (scenarios, run, race):
        command.add_argument("--binary", help="the linesman to put into the guest, as /lab/bin/linesman")
    options = parser.parse_args()
    # Ended by a signal, the guest must end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(0 if asyncio.run(options.work(options)) else 1)
    except Failure as failure:
        sys.exit(f"error: {failure}")


if __name__ == "__main__":
    main()
